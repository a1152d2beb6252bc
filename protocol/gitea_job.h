/* The payload of a task, the answer to FetchTask, as a job. */
#ifndef PROTOCOL_GITEA_JOB_H
#define PROTOCOL_GITEA_JOB_H

#include "base/arena.h"
#include "base/buf.h"
#include "protocol/job.h"

#include <stdint.h>

/*
 * The only way to a job from a Gitea server: job->workflow is set. What this version does not run is no
 * error but workflow->refusal. NULL with e naming the place: in the JSON "task.workflowPayload: …", in
 * the workflow "line:col: …". Neither quotes a value.
 */
const struct job *gitea_job_parse(const char *text, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* How the log view of Gitea wants the runner's own lines. style: as gitlab_mark's. */
enum gitea_mark { GITEA_MARK_PLAIN, GITEA_MARK_WARNING, GITEA_MARK_ERROR };
int gitea_mark_line(struct buf *out, enum gitea_mark style, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int gitea_mark_section(struct buf *out, bool start, const char *name, uint64_t unix_s,
		       struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
