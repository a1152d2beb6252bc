/*
 * A job's log as the worker writes it: every byte goes through a redactor before anything else
 * touches it, then through the trace into the journal. The runner's own lines have a redactor of
 * their own.
 */
#ifndef EXECUTOR_JOBLOG_H
#define EXECUTOR_JOBLOG_H

#include "executor/forge.h"
#include "executor/redact.h"
#include "executor/trace.h"

#include <stdarg.h>

/* One source of bytes on its way to the trace. */
struct joblog_stream {
	struct joblog *log;
	struct redactor *redactor; /* NULL: nothing depends on what was written so far */
	struct trace_stream trace;
	struct buf masked;
	struct joblog_stream *next; /* of those that are open */
	char last_command[128];     /* the last "$ …" that the script's frame showed; "" none */
};

/* Bytes that are masked like the log's and go elsewhere. */
struct joblog_tap {
	struct redactor *redactor; /* NULL: closed */
	struct buf masked;         /* what it has let out, and nobody has taken yet */
	struct joblog_tap *next;   /* of those that are open */
};

struct joblog {
	const struct forge_job *forge;
	const struct redact_set *masks; /* borrowed; replaced by joblog_masks */
	struct trace *trace;
	struct journal *journal;
	bool sections;
	struct joblog_stream *open;
	struct joblog_tap *taps;
	struct joblog_stream own;
	struct err broken;        /* the first error of the journal: a full disk ends the job */
	const char *open_section; /* name of the section that is open, NULL none */
};

/* masks may be NULL until joblog_masks: then nothing may be written. */
int joblog_init(struct joblog *l, const struct forge_job *forge, struct journal *j, struct trace *t,
		struct err *e) __attribute__((nonnull, warn_unused_result));
void joblog_done(struct joblog *l) __attribute__((nonnull));

/* From now on every stream that is opened, and the runner's own, masks these. */
int joblog_masks(struct joblog *l, const struct redact_set *masks, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* As joblog_masks with what redact_set_more made of the set that is in use: streams that are open mask these too,
 * from the next byte on. The old set is no longer used. */
int joblog_masks_more(struct joblog *l, const struct redact_set *masks, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A stream of the job's output: opened for a step, closed at its end. cut: the step was ended by
 * force, so what looks like the beginning of a secret is masked (R8). */
int joblog_open(struct joblog *l, struct joblog_stream *s, enum trace_kind kind, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int joblog_write(struct joblog_stream *s, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int joblog_close(struct joblog_stream *s, bool cut, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* At most max bytes wait in it; values that are masked from now on are masked in it too, like in a stream. */
int joblog_tap_open(struct joblog *l, struct joblog_tap *t, size_t max, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Closed or never opened is fine, if zeroed. */
void joblog_tap_close(struct joblog *l, struct joblog_tap *t) __attribute__((nonnull));

/* A line of the runner's own. An error is kept in l->broken. */
void joblog_say(struct joblog *l, enum say_style style, const char *line) __attribute__((nonnull));
void joblog_sayf(struct joblog *l, enum say_style style, const char *fmt, ...)
	__attribute__((nonnull, format(printf, 3, 4)));

/* Mask text that leaves by another way than the log (results, ledger). */
int joblog_redact(struct joblog *l, struct buf *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Open a section with its title; the one that is open is closed first. NULL name: only close. */
void joblog_section(struct joblog *l, const char *name, const char *title)
	__attribute__((nonnull(1)));

/* Nothing will be written for a while: what is not needed until then is given back. */
void joblog_rest(struct joblog *l) __attribute__((nonnull));

/* Everything said and written so far is in the journal. */
int joblog_commit(struct joblog *l, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
