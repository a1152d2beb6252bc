/* The files of a tree that its repository's index does not know: git ls-files -o. */
#ifndef EXECUTOR_GIT_UNTRACKED_H
#define EXECUTOR_GIT_UNTRACKED_H

#include "base/err.h"

/* Calls found with each file and link below the directory fd tree, whose path is path, that is not in
 * the index, ignored ones included; of another repository in it the directory alone. Stops at found's
 * first -1. -1 (ENOENT) when there is no repository. git_lib_init came before. */
int git_untracked(int tree, const char *path,
		  int (*found)(void *arg, const char *path, struct err *e), void *arg,
		  struct err *e) __attribute__((nonnull(2, 3, 5), warn_unused_result));

#endif
