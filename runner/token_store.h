/*
 * Tokens that were rotated and that the configuration file could not take (it is read-only, or an
 * override hides what is in it): STATE/tokens, mode 0600. Each knows the token that it replaced: an
 * operator who writes another one into the configuration is obeyed.
 */
#ifndef RUNNER_TOKEN_STORE_H
#define RUNNER_TOKEN_STORE_H

#include "base/arena.h"

#include <stdint.h>

/* Of the registration called name at url. replaced: what the configuration says. Times as in
 * runner/registration.h. */
struct token_kept {
	const char *name, *url, *replaced, *token;
	uint64_t obtained, expires;
};

/* Keep it in place of any of that name and url. dir: the state directory. */
int token_store_keep(int dir, const struct token_kept *k, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* 1: *ret (its texts in a) is newer than `replaced`, which the configuration says. 0: there is none. */
int token_store_find(int dir, const struct token_kept *like, struct arena *a,
		     struct token_kept *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* There need not be one. */
int token_store_forget(int dir, const char *name, const char *url, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
