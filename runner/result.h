/* A job's result as JSON, for `courser exec --result` and whoever reads it. */
#ifndef RUNNER_RESULT_H
#define RUNNER_RESULT_H

#include "runner/slot_end.h"

/*
 * {"state", "failure_reason", "exit_code", "fault", "verdict", "used": {"by",
 * "memory_bytes", "cpu_seconds", "processes"}, "denied": {system call: times}, "phases": {name:
 * seconds}} and a newline. phases holds those that took place, and "total".
 */
int result_text(const struct slot_result *r, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same into the file at path, replaced as one step. */
int result_write(const char *path, const struct slot_result *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
