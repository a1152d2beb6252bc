/* A commit into a job's tree, by libgit2; the packer's main work. */
#ifndef EXECUTOR_GIT_CHECKOUT_H
#define EXECUTOR_GIT_CHECKOUT_H

#include "executor/clean_flags.h"
#include "executor/pack.h"

struct git_repository;

/* Do what c asks for. Its working directory is the tree's afterwards. -1 with *ret_fault; hostile
 * paths in the commit are SOURCES_HOSTILE, missing objects SOURCES_CORRUPT. */
int git_checkout(const struct pack_checkout *c, struct pack_result *ret,
		 enum sources_fault *ret_fault, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* git clean in worktree (an fd): what the index of repo does not name goes, as f says. */
int git_clean(struct git_repository *repo, int worktree, const struct clean_flags *f, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The submodules of repo's index as a memfd, a line each (executor/pack.h). */
int git_modules_list(struct git_repository *repo, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
