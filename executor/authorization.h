/* A user and a password as HTTP has them. */
#ifndef EXECUTOR_AUTHORIZATION_H
#define EXECUTOR_AUTHORIZATION_H

#include "base/buf.h"

/* "Authorization: Basic " and the rest appended to out, which holds a secret from then on. */
int authorization_basic(struct buf *out, const char *user, const char *token, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
