/*
 * The end of a log's way: redacted bytes become the trace that a forge gets. It mends UTF-8, puts a
 * timestamp before each line (GitLab's FF_TIMESTAMPS format), and keeps head and tail of what is too
 * long. One trace a job; one stream for each source of bytes in it.
 */
#ifndef EXECUTOR_TRACE_H
#define EXECUTOR_TRACE_H

#include "executor/journal.h"

enum trace_source { TRACE_RUNNER = 0x00, TRACE_JOB = 0x01 };
enum trace_kind { TRACE_OUT = 'O', TRACE_ERR = 'E' };

/* A log longer than limit keeps its head and the last TRACE_TAIL bytes at least of its tail. */
enum { TRACE_TAIL = 256 << 10, TRACE_LINE_MAX = 8 << 10 };

struct trace;

/* One source of bytes. Lives in its owner; zeroed and then trace_stream_init. */
struct trace_stream {
	struct trace *trace;
	enum trace_source source;
	enum trace_kind kind;
	struct buf pending; /* of a line that has not ended */
	uint64_t since_us;  /* when its first byte came */
	bool continues;     /* the next entry goes on with a line that was cut */
	char utf8[4];       /* the beginning of a character that has not ended */
	size_t nutf8;
};

/* A trace that writes to j (borrowed). limit: bytes of output kept, 0 none. NULL with e set. */
struct trace *trace_new(struct journal *j, uint64_t limit, bool timestamps, struct err *e)
	__attribute__((nonnull));
void trace_free(struct trace *t);

void trace_stream_init(struct trace_stream *s, struct trace *t, enum trace_source source,
		       enum trace_kind kind) __attribute__((nonnull));
void trace_stream_done(struct trace_stream *s) __attribute__((nonnull));

/* Bytes of the stream, in any pieces. Whole lines go on at once; the rest waits for its newline. */
int trace_write(struct trace_stream *s, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What waits goes on as it is; the next byte continues the line. close: the stream has ended, so an
 * unfinished character is mended and an unfinished line ended. */
int trace_flush(struct trace_stream *s, bool close, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Hand what was gathered to the journal: once an event, not once a line. */
int trace_commit(struct trace *t, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Nothing is written for a while: buffers that are empty are given back. */
void trace_rest(struct trace *t) __attribute__((nonnull));
void trace_stream_rest(struct trace_stream *s) __attribute__((nonnull));

/* The job's output has ended: if it was cut, say how much was left out and append the tail. What is
 * written afterwards, the verdict, is never cut. */
int trace_finish(struct trace *t, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
