/*
 * The journal of a job: two append-only files in its directory, the joint between the worker that
 * writes, the courier that ships and the supervisor that answers for the job after a crash.
 *
 *   log      the redacted bytes, exactly as a forge gets them
 *   events   a record a line, logfmt (base/str.h, str_quote), version 1:
 *            t=<wall microseconds> off=<bytes of log so far> ev=<kind> key=value …
 *
 * kind        keys
 * journal     version job           the first line
 * phase       name                  a phase begins (executor/phase.h)
 * timing      name ms               a phase has ended; "queue" and "total" as well
 * step_start  name                  a step begins
 * step_end    name code             a step has ended: exit status, or 128 + signal
 * step_start  name index            a workflow's step begins: its number, from 0
 * step_end    name index code result  success, failure, cancelled or skipped
 * output      name value more       of a workflow job; with more the next record continues the value
 * remark      severity file line column title text  an annotation of a workflow's step
 * skipped                           the workflow job's condition does not hold
 * note        text                  something an operator should know
 * usage       by memory cpu_us processes (executor/usage.h; 0: not known)
 * denied      call times
 * verdict     state reason exit fault text
 * end                               nothing follows: the log is whole
 *
 * A last line without its newline was cut by a crash and does not count.
 */
#ifndef EXECUTOR_JOURNAL_H
#define EXECUTOR_JOURNAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { JOURNAL_VERSION = 1, JOURNAL_LINE_MAX = 8 << 10 };

struct journal {
	int log, events; /* borrowed, O_APPEND */
	int doorbell;    /* eventfd rung when there is something to ship; -1 none */
	uint64_t off;    /* bytes of log so far */
};

/* Start a writer on borrowed fds, behind what the log already holds. */
int journal_init(struct journal *j, int log, int events, int doorbell, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Append n bytes to the log, all of them, and ring. ENOSPC is an error of the caller's to report. */
int journal_log(struct journal *j, const void *p, size_t n, struct err *e)
	__attribute__((nonnull(1, 4), warn_unused_result));

/* Append a record: kind, then pairs of strings key, value, ended by NULL. One write. Only "end" rings:
 * what the others say is of no use to a forge without it. */
int journal_event(struct journal *j, struct err *e, const char *kind, ...)
	__attribute__((nonnull(1, 2, 3), sentinel, warn_unused_result));

/* One record being read: the fields of a line in order. */
struct journal_field {
	const char *key, *value;
};
enum { JOURNAL_FIELDS = 16 };

struct journal_record {
	uint64_t t_us, off;
	const char *kind; /* "" in a line that has none */
	struct journal_field fields[JOURNAL_FIELDS];
	size_t nfields;
	struct buf text; /* what the fields point into */
};

/* Parse one line (without its newline). -1 when it is malformed. journal_record_done after use. */
int journal_parse(const char *line, size_t n, struct journal_record *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void journal_record_done(struct journal_record *r) __attribute__((nonnull));

/* The value of key, or "" when the record has none. */
const char *journal_get(const struct journal_record *r, const char *key)
	__attribute__((nonnull, returns_nonnull));

/* Reads whole lines from an events fd as it grows, by pread: the fd's offset is not used. */
struct journal_reader {
	int fd; /* borrowed */
	uint64_t at;
	struct buf rest; /* a line that is not whole yet */
};

void journal_reader_init(struct journal_reader *r, int fd) __attribute__((nonnull));
void journal_reader_done(struct journal_reader *r) __attribute__((nonnull));

/* The next record: 1 and *ret (journal_record_done when used up), 0 no whole line yet, -1 error: a
 * malformed line is skipped by the next call. */
int journal_next(struct journal_reader *r, struct journal_record *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
