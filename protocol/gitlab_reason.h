/* Failure reasons as a GitLab server knows them. */
#ifndef PROTOCOL_GITLAB_REASON_H
#define PROTOCOL_GITLAB_REASON_H

#include "protocol/job.h"

/*
 * The reason to send for `reason` (gitlab-runner's name for it): as it is where the server lists it
 * (features.failure_reasons) or every server knows it; else the nearest old one; else
 * "unknown_failure". "" is "script_failure". job may be NULL: an old server is assumed.
 */
const char *gitlab_reason(const char *reason, const struct job *job)
	__attribute__((nonnull(1), returns_nonnull));

/* The same with the server's list itself. */
const char *gitlab_reason_among(const char *reason, const char *const *known, size_t n)
	__attribute__((nonnull(1), returns_nonnull));

#endif
