/* A part of a commit's tree, as git's sparse checkout in cone mode has it: directories with all below
 * them, and the files that lie in the directories above. */
#ifndef EXECUTOR_GIT_SPARSE_H
#define EXECUTOR_GIT_SPARSE_H

#include "base/buf.h"

#include <stdbool.h>

struct git_tree;
struct git_index;
struct git_strarray;

/* The files of tree that belong to directories (lines), into ret, which git_sparse_free empties. */
int git_sparse_paths(struct git_tree *tree, const char *directories, struct git_strarray *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));
void git_sparse_free(struct git_strarray *paths) __attribute__((nonnull));

/* The others enter the index as those that the working tree does without. */
int git_sparse_index(struct git_index *index, struct git_tree *tree, const char *directories)
	__attribute__((nonnull, warn_unused_result));

/* What git itself reads: the content of info/sparse-checkout. */
int git_sparse_text(const char *directories, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether path, of a file, belongs to directories. */
bool git_sparse_has(const char *directories, const char *path) __attribute__((nonnull));

#endif
