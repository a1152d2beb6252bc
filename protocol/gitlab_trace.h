/*
 * What is to be said next about a running job, and what an answer means (pure): the log in pieces
 * from the byte that the server has, signs of life while it is quiet, the final state at the end.
 *
 * One request of a job is under way at a time: gitlab_trace_next -> send it -> gitlab_trace_heard.
 */
#ifndef PROTOCOL_GITLAB_TRACE_H
#define PROTOCOL_GITLAB_TRACE_H

#include "protocol/http.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	GITLAB_CHUNK = 1 << 20,               /* the most bytes of one PATCH */
	GITLAB_SILENCE_MS = 30 * 1000,        /* never silent for longer: a cancel must be heard */
	GITLAB_WATCHED_SILENCE_MS = 5 * 1000, /* while somebody looks, who may press Cancel */
	GITLAB_FINAL_TRIES = 10,
};

enum gitlab_todo {
	GITLAB_WAIT,  /* until at_ms (0: until the log grows or the job ends) */
	GITLAB_SEND,  /* PATCH off, len */
	GITLAB_ALIVE, /* PUT running, with the checksum of [0, off) */
	GITLAB_FINAL, /* PUT the final state, with the checksum of [0, off) */
	GITLAB_OVER,  /* nothing more: see delivered and text */
};

struct gitlab_next {
	enum gitlab_todo todo;
	uint64_t off, len, at_ms;
};

enum gitlab_news {
	GITLAB_NO_NEWS,
	GITLAB_CANCEL, /* end it gracefully; said once */
	GITLAB_ABORT,  /* end it now; said once */
};

/* Zeroed, then gitlab_trace_init. Only size and ended are set by the owner, at any time. */
struct gitlab_trace {
	uint64_t size; /* bytes that the log has */
	bool ended;    /* it will not grow, and the final state is known */

	uint64_t sent; /* bytes that the server has */
	unsigned interval_ms, tries_max;
	uint64_t heard_ms;      /* the last answer that was one */
	uint64_t not_before_ms; /* after a failure */
	uint64_t waiting_ms;    /* since when the final state is "accepted, not completed" */
	unsigned pieces;        /* acknowledged so far: the first ones go faster */
	unsigned failures, jumps, tries;
	bool gone; /* the server wants no more of the log */
	bool aborted, canceling;
	bool over, delivered; /* delivered: the server has the result, or does not want it */
	char text[300];       /* how it ended */
};

/* tries_max 0: GITLAB_FINAL_TRIES. */
void gitlab_trace_init(struct gitlab_trace *t, unsigned tries_max, uint64_t now_ms)
	__attribute__((nonnull));

struct gitlab_next gitlab_trace_next(const struct gitlab_trace *t, uint64_t now_ms)
	__attribute__((nonnull));

/* The answer to what next said. */
enum gitlab_news gitlab_trace_heard(struct gitlab_trace *t, uint64_t now_ms,
				    const struct gitlab_next *asked, const struct http_reply *r)
	__attribute__((nonnull));

#endif
