/* GIT_FETCH_EXTRA_FLAGS and GIT_SUBMODULE_UPDATE_FLAGS: what git fetch and git submodule update would
 * be told, read without running git. */
#ifndef EXECUTOR_EXTRA_FLAGS_H
#define EXECUTOR_EXTRA_FLAGS_H

#include "base/arena.h"

#include <stdbool.h>

enum extra_flags_of { FLAGS_FETCH, FLAGS_SUBMODULE };

/* tags: all of the server's (fetch --tags), not only those of what was fetched. recursive: submodules
 * of submodules too (submodule update --recursive). rest: the words that change something and are not
 * applied, with blanks between them; "" none. What is so anyway (--prune, --quiet, --force) or is of
 * no use with whole histories (--depth) is in none of them. */
struct extra_flags {
	bool tags, recursive;
	const char *rest;
};

/* Words are separated by blanks, as GitLab's runner separates them (quotes mean nothing); "none" are
 * no flags. -1: out of memory. Strings live in a. */
int extra_flags_parse(enum extra_flags_of of, const char *text, struct arena *a,
		      struct extra_flags *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
