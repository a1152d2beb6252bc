/* Submodules of a job's repository, from the worker's side. */
#ifndef EXECUTOR_SOURCES_MODULES_H
#define EXECUTOR_SOURCES_MODULES_H

#include "executor/sources.h"

/* A repository in the job's tree: where its git directory and its files are (below the tree), whence
 * it came. */
struct sources_repo {
	const char *gitdir, *worktree, *url;
	unsigned depth;
};

/* Fetch and check out the submodules that list (a memfd of executor/pack.h) names; theirs too when the
 * plan says recursive. -1 with s->fault; e names the submodule. */
int sources_modules_get(struct sources_job *s, int packer, const struct sources_repo *in, int list,
			struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
