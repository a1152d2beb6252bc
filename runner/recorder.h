/*
 * What the supervisor tells the recorder (base/msg over fd 3), as plain structs: it keeps the ledger
 * and serves the metrics. Nothing is answered.
 *
 * recorder_send packs the struct that belongs to the type, recorder_take unpacks it; the layout is one
 * table. Strings may be NULL on the way out and are "" on the way in, borrowed from the message.
 */
#ifndef RUNNER_RECORDER_H
#define RUNNER_RECORDER_H

#include "base/msg.h"
#include "executor/phase.h"

#include <stdint.h>

enum recorder_type {
	RECORDER_JOB_STARTED = 1,
	RECORDER_JOB_ENDED,
	RECORDER_GAUGE,
	RECORDER_COUNTER_ADD,
	RECORDER_READY,
	RECORDER_TYPES
};

/* A job was accepted; it is counted. */
struct recorder_job_started {
	const char *registration;
	uint64_t project_id, job_id;
};

/* A job is over: a row of the ledger, and what the histograms and counters say. A job that is told
 * again (same name) replaces its row. */
struct recorder_job_ended {
	const char *name; /* of its directory: unique on this machine */
	const char *registration, *project;
	uint64_t project_id, job_id;
	uint64_t ended_us;                  /* since 1970 */
	const char *state, *reason, *fault; /* as in the verdict */
	uint32_t exit_code;
	uint32_t timed;          /* bit p: ms[p] was measured; bit PHASES: the total */
	uint64_t ms[PHASES + 1]; /* by enum phase; the last is the total */
};

/* name: one of the table in metrics_table.c; labels: "key=value,…" with exactly its keys, in order, ""
 * for none. What fits no row is dropped and counted. */
struct recorder_gauge {
	const char *name, *labels;
	double value;
};
struct recorder_counter_add {
	const char *name, *labels;
	uint64_t value;
};

/* /readyz: 200 or 503, with the text. */
struct recorder_ready {
	uint32_t ready;
	const char *text;
};

int recorder_send(int sock, enum recorder_type type, const void *from, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int recorder_take(struct msg *m, void *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
