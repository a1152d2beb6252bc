/* The "secrets" of a GitLab payload: an object, name -> provider and where its value is. */
#ifndef PROTOCOL_GITLAB_SECRETS_H
#define PROTOCOL_GITLAB_SECRETS_H

#include "protocol/json.h"

/* A row's taker: to has a const struct job_secret * at row->to and its count at row->count. */
int gitlab_secrets_take(const struct json_at *at, const struct json_row *row, void *to,
			struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
