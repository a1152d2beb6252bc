/*
 * Patterns over paths as GitLab users know them (doublestar): a star and "?" within a name, two stars
 * as a whole name for any number of directories, "[a-z]", "[^a]" or "[!a]", "{a,b/c}", "\x" for x
 * itself. A leading dot is nothing special. Two stars behind "dir/" are dir and all below it.
 */
#ifndef EXECUTOR_GLOB_H
#define EXECUTOR_GLOB_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GLOB_PATTERN_MAX = 4096,
	GLOB_PARTS_MAX = 63,         /* names of one pattern */
	GLOB_ALTERNATIVES_MAX = 256, /* what its braces come to */
};

/* One pattern without braces, cut at its slashes. No parts: the top directory itself. */
struct glob_alternative {
	const char *parts[GLOB_PARTS_MAX];
	unsigned nparts;
};

struct glob {
	const char *text; /* as it was given */
	struct glob_alternative **alternatives;
	size_t n;
};

/*
 * Understand pattern, which is relative to a directory that is called root (an absolute path: a
 * pattern that begins with it is meant to be below it); "." and ".." are resolved in the text. -1 with
 * EINVAL when it is malformed or too large, with EXDEV when it leaves the directory. Memory is a's.
 */
int glob_compile(struct glob *ret, const char *pattern, const char *root, struct arena *a,
		 struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whether the whole of path, relative and in its simplest form, matches. */
bool glob_match(const struct glob *g, const char *path) __attribute__((nonnull));

/* For walkers: which parts of an alternative may come next, a bit each. Bit nparts: it has matched. */
uint64_t glob_begin(const struct glob_alternative *g) __attribute__((nonnull));
uint64_t glob_step(const struct glob_alternative *g, uint64_t at, const char *name)
	__attribute__((nonnull));
bool glob_matched(const struct glob_alternative *g, uint64_t at) __attribute__((nonnull));
/* The one name that can come next, or NULL when there may be several. */
const char *glob_only(const struct glob_alternative *g, uint64_t at) __attribute__((nonnull));

#endif
