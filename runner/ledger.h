/*
 * A row for each job, for good: SQLite, WAL, in a directory of its own (ledger.db). A row that was
 * written survives a crash and a power loss. One process writes; others may read.
 */
#ifndef RUNNER_LEDGER_H
#define RUNNER_LEDGER_H

#include "runner/recorder.h"

enum { LEDGER_SCHEMA = 1 };

struct ledger;

/* Open or make it in the working directory. One that is damaged is set aside under another name and a
 * new one begun. NULL with e set: also when a newer courser made it. */
struct ledger *ledger_open(struct err *e) __attribute__((nonnull, warn_unused_result));
void ledger_close(struct ledger *l);

/* Write the job's row, or replace it. -1, as when the disk is full: try the next one. */
int ledger_add(struct ledger *l, const struct recorder_job_ended *job, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* How many rows there are. */
int ledger_count(struct ledger *l, uint64_t *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
