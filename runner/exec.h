/* `courser exec`: one job, no coordinator, no daemon: the command plays supervisor with the same
 * roles. */
#ifndef RUNNER_EXEC_H
#define RUNNER_EXEC_H

#include "base/err.h"
#include "runner/slot.h"

struct exec_options {
	const char *payload;               /* path of the job's JSON, "-" standard input */
	const char *result;                /* path for the result's JSON; NULL none */
	const char *state_dir, *cache_dir; /* state.h */
	uint32_t id_base;
	const char *cgroup;
	struct settings settings;
	struct slot_options slot;
};

/* Run it: the trace goes to standard output as it would be sent. *ret_success: whether the job
 * succeeded. -1: it could not be run. */
int exec_run(const struct exec_options *o, bool *ret_success, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
