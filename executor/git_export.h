/*
 * The files of one commit as one file: for a tree that is to be no repository, that of an action. A
 * fetcher makes it in the mirror, once a commit, as trees/SHA; a packer writes it below a directory.
 * Each file is a struct git_export_entry, its path, its content (of a link its target); the last entry
 * is empty.
 */
#ifndef EXECUTOR_GIT_EXPORT_H
#define EXECUTOR_GIT_EXPORT_H

#include "executor/git_work.h"

/* mode: git's, 0100644, 0100755 or 0120000. */
struct git_export_entry {
	uint32_t mode, npath;
	uint64_t size;
};

/* That of the request's commit, made if it is not there: an fd to read, -1 with w->fault. The lock is
 * held. Submodules stay empty. */
int git_export_file(struct git_work *w, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Write what fd holds below the directory; nothing outside is touched, no link followed. */
int git_export_unpack(int fd, int dir, unsigned *ret_files, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
