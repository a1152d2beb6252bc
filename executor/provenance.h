/* What a job says about the artifacts it made: the predicate of SLSA's provenance v1, as JSON. */
#ifndef EXECUTOR_PROVENANCE_H
#define EXECUTOR_PROVENANCE_H

#include "base/buf.h"
#include "executor/vars.h"
#include "protocol/job.h"

/* runner: its name. Times are microseconds since the epoch. */
struct provenance {
	const struct job *job;
	const struct vars *vars;
	const char *runner, *server_url;
	uint64_t started_us, finished_us;
};

/* Names of variables are told, their values are not. One line. */
int provenance_write(const struct provenance *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
