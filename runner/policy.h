/* The effective rights of a registration's jobs on this machine, in words. */
#ifndef RUNNER_POLICY_H
#define RUNNER_POLICY_H

#include "base/buf.h"
#include "runner/profile.h"

/* Append a line for each kind of right: "what: how it is", as a job has them of which the facts are known; facts NULL:
 * as far as every job has them. Changes nothing on the machine. */
int policy_explain(const struct config *c, const struct config_runner *r,
		   const struct profile_facts *facts, struct buf *out, struct err *e)
	__attribute__((nonnull(1, 2, 4, 5), warn_unused_result));

#endif
