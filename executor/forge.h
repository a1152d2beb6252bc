/* The side of a forge that a worker needs: pure functions, no network, no kernel. A table a forge
 * (protocol/gitlab_*), handed to the worker by its main; nothing asks which forge it is. */
#ifndef EXECUTOR_FORGE_H
#define EXECUTOR_FORGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "executor/say.h"
#include "protocol/job.h"
#include "protocol/job_action.h"

struct forge_job {
	const char *name; /* "gitlab" */
	bool stamped;     /* every line of the log has its time in front, whatever the job wants */
	/* The only way to get a job: NULL with e naming the place in the payload. */
	const struct job *(*parse)(const char *text, size_t n, struct arena *a, struct err *e);
	/* An action.yml; NULL with e as "line:col: what". NULL: this forge has no actions. */
	const struct job_action *(*action)(const char *text, size_t n, struct arena *a,
					   struct err *e);
	/* A line of the runner with its newline, marked as the forge shows it. */
	int (*line)(struct buf *out, enum say_style style, const char *text, struct err *e);
	/* A section begins or ends; the title follows on the same line. */
	int (*section)(struct buf *out, bool start, const char *name, uint64_t unix_s,
		       struct err *e);
	/* The reason as this server knows it (GitLab: features.failure_reasons). job may be NULL. */
	const char *(*reason)(const char *reason, const struct job *job);
};

#endif
