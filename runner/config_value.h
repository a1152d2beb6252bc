/* A configuration value from its text, as its key says. */
#ifndef RUNNER_CONFIG_VALUE_H
#define RUNNER_CONFIG_VALUE_H

#include "base/arena.h"
#include "runner/config_keys.h"

enum { CONFIG_LIST_MAX = 256 };

/* Put text into the key's field of the struct at `to`; lists grow by one item. -1 with e saying why
 * not, as words that go after the key's name; a secret is never quoted. */
int config_value_set(const struct config_key *k, const char *text, void *to, struct arena *a,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

bool config_value_is_list(const struct config_key *k) __attribute__((nonnull));

/* Empty a list. */
void config_value_clear(const struct config_key *k, void *to) __attribute__((nonnull));

/* Every key of the level at its default; no string is NULL afterwards. */
int config_value_defaults(const struct config_level *level, void *to, struct arena *a,
			  struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
