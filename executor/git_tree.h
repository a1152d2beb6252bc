/* A job's repository around its tree: the git directory, written by hand so that nothing of an
 * earlier job and no template gets in. */
#ifndef EXECUTOR_GIT_TREE_H
#define EXECUTOR_GIT_TREE_H

#include "executor/pack.h"

/* gitdir: below tree: ".git", ".git/modules/name". worktree: fd of the directory files go to. old: the
 * commit that a kept tree was at ("" unknown): a hint, not to be trusted. */
struct git_tree_place {
	int tree, worktree, dir;
	char gitdir[1024];
	char old[41];
};

/*
 * Open what c names, below the tree and through no link; a fresh one is emptied, of a kept one the
 * git directory goes. Then make the git directory: configuration, alternates or a store of its own,
 * packed refs, HEAD on no branch; and, for a submodule, the ".git" file. -1 with *ret_fault.
 */
int git_tree_make(const struct pack_checkout *c, struct git_tree_place *ret,
		  enum sources_fault *ret_fault, struct err *e)
	__attribute__((nonnull, warn_unused_result));

void git_tree_done(struct git_tree_place *p) __attribute__((nonnull));

/* HEAD at the commit, on that branch; "" on none. */
int git_tree_head(const struct git_tree_place *p, const char *sha, const char *branch,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* All below the directory goes; it stays. */
int git_tree_empty(int dir, struct err *e) __attribute__((nonnull, warn_unused_result));

/* A directory by an absolute path, made where it is absent, through no link. */
int git_tree_open(const char *path, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
