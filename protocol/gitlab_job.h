/* The payload of a GitLab job (the answer 201 to POST jobs/request) as a struct job. */
#ifndef PROTOCOL_GITLAB_JOB_H
#define PROTOCOL_GITLAB_JOB_H

#include "base/arena.h"
#include "protocol/job.h"

enum {
	GITLAB_PAYLOAD_MAX = 8 << 20, /* bytes of JSON */
	GITLAB_ARENA_MAX = 32 << 20,  /* an arena of this limit holds any job */
};

/*
 * The only way to a struct job from GitLab; what it promises stands in protocol/job.h. Unknown
 * members are ignored, null is as good as absent; job inputs are filled in. NULL with e naming the
 * place: "payload: steps[2].timeout: not a number". e never quotes a value.
 */
const struct job *gitlab_job_parse(const char *text, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
