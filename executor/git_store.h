/*
 * A mirror's object store as one file, for a job that is shown no mirror (submodules): packs, their
 * indexes and loose objects, one after another, each behind a struct git_store_file. Written by a
 * fetcher, unpacked by a packer into a repository of its own.
 */
#ifndef EXECUTOR_GIT_STORE_H
#define EXECUTOR_GIT_STORE_H

#include "base/err.h"

#include <stdint.h>

/* path: below "objects"; '\0'-terminated. */
struct git_store_file {
	char path[120];
	uint64_t size;
};

/* The store of the mirror in directory dir, in an unlinked file beside it. The fd, or -1. */
int git_store_write(int dir, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Write what fd holds below the directory objects. Nothing but names of git objects is accepted. */
int git_store_read(int fd, int objects, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
