/* The effective rights of a registration's jobs on this machine, in words. */
#ifndef RUNNER_POLICY_H
#define RUNNER_POLICY_H

#include "base/buf.h"
#include "runner/config.h"

/* Append a line for each kind of right: "what: how it is". Changes nothing on the machine. */
int policy_explain(const struct config *c, const struct config_runner *r, struct buf *out,
		   struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
