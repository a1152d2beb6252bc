/* GIT_CLEAN_FLAGS: what git clean would be told, read without running git. */
#ifndef EXECUTOR_CLEAN_FLAGS_H
#define EXECUTOR_CLEAN_FLAGS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* none: nothing is removed. nested: repositories inside the tree too (-ff). dirs: untracked
 * directories too (-d). ignored: ignored files too (-x); only_ignored: nothing else (-X). keep:
 * patterns of -e, as in a .gitignore. */
struct clean_flags {
	bool none, nested, dirs, ignored, only_ignored;
	const char *const *keep;
	size_t nkeep;
};

enum { CLEAN_KEEP_MAX = 256 };

/* "" means -ffdx. Words are separated by blanks, as GitLab's runner separates them (quotes mean
 * nothing). -1: a flag that is unknown or does not fit, named in e. Strings live in a. */
int clean_flags_parse(const char *text, struct arena *a, struct clean_flags *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether one of keep's patterns names path (below the tree, no leading slash); dir: it is a
 * directory. The last pattern that matches decides, "!" turns it round. */
bool clean_flags_keep(const struct clean_flags *f, const char *path, bool dir)
	__attribute__((nonnull));

#endif
