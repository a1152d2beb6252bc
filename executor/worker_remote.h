/*
 * Actions of other repositories: their files are brought into the job's directory of actions, once a
 * job, by fetcher and packer; from the server's own instance with the job's token, from others
 * without. What was fetched for an earlier job comes from the mirror.
 */
#ifndef EXECUTOR_WORKER_REMOTE_H
#define EXECUTOR_WORKER_REMOTE_H

#include "executor/uses.h"
#include "executor/worker.h"

/* Where an action is in the sandbox, and which commit it is of. */
struct worker_remote {
	const char *dir;  /* the action's own: with the path that `uses:` names */
	const char *root; /* of its repository */
	const char *sha;
	/* the list of those that the job has */
	const char *url, *ref;
	const struct worker_remote *next;
};

/* Of u, which is USES_REMOTE; fetched now if it is not there yet. NULL with e; its code says whose
 * fault it is: ECANCELED the job is to end, EHOSTUNREACH a server's, EIO the machine's, else the
 * workflow's. */
const struct worker_remote *worker_remote_get(struct worker *w, const struct uses *u, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
