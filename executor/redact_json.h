/* A value that is a JSON document: its strings under telling keys are secrets of their own. */
#ifndef EXECUTOR_REDACT_JSON_H
#define EXECUTOR_REDACT_JSON_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct json_sink {
	/* One unescaped string; lent for the call. */
	int (*take)(struct json_sink *to, const char *p, size_t n, struct err *e);
};

/* Every string below a key that speaks of a secret (key, secret, token, pass, priv, cred, cert, sig;
 * any case) goes to the sink, if p[0..n) is one whole JSON value. 0 also when it is not; -1: out of
 * memory, or what the sink returned. */
int json_leaves(struct json_sink *to, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
