/* GIT_FETCH_EXTRA_FLAGS: what git fetch would be told, read without running git. */
#ifndef EXECUTOR_FETCH_FLAGS_H
#define EXECUTOR_FETCH_FLAGS_H

#include "base/arena.h"

#include <stdbool.h>

/* tags: all of the server's (--tags), not only those of what was fetched. rest: the words that change
 * something and are not applied, with blanks between them; "" none. What is so anyway (--prune, --quiet,
 * --force) or is of no use with whole histories (--depth) is neither. */
struct fetch_flags {
	bool tags;
	const char *rest;
};

/* Words are separated by blanks, as GitLab's runner separates them (quotes mean nothing); "none" are
 * no flags. -1: out of memory. Strings live in a. */
int fetch_flags_parse(const char *text, struct arena *a, struct fetch_flags *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
