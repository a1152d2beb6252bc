/*
 * What is to be said next about a running task, and what an answer means (pure): rows from the one that
 * the server has, the state at least every two seconds, since its answer is the only way to hear of a
 * cancel; at the end the last rows with noMore and then, and only then, the final state.
 *
 * One request of a task is under way at a time: gitea_ship_next -> send it -> gitea_ship_heard_….
 */
#ifndef PROTOCOL_GITEA_SHIP_H
#define PROTOCOL_GITEA_SHIP_H

#include "protocol/gitea_reply.h"

enum {
	GITEA_BEAT_MS = 1500, /* a cancel is heard within two seconds */
	GITEA_FINAL_TRIES = 10,
};

enum gitea_todo {
	GITEA_WAIT,  /* until at_ms (0: until something changes) */
	GITEA_ROWS,  /* UpdateLog from row, which begins at byte off of the log */
	GITEA_STATE, /* UpdateTask, still running */
	GITEA_FINAL, /* UpdateTask with the result */
	GITEA_OVER,  /* nothing more: see delivered and text */
};

struct gitea_next {
	enum gitea_todo todo;
	uint64_t at_ms;
};

/* Zeroed, then gitea_ship_init. The owner sets size, ended and news, at any time; and seeks: where
 * want differs from row it counts rows in the log and calls gitea_ship_seek. */
struct gitea_ship {
	uint64_t size; /* bytes that the log has */
	bool ended;    /* it will not grow, and the result is known */
	bool news;     /* a step began or ended */

	uint64_t row, off; /* what the server has: rows, and the bytes that they are */
	uint64_t want;     /* rows that the server says it has */
	bool unsure; /* nobody knows what the server has: it is asked with rows before noMore counts */
	bool closed; /* the log is archived, or lost: no more rows */
	unsigned tries_max, tries, failures, batches;
	uint64_t stuck; /* no whole row behind off while the log is this long; 0 none */
	uint64_t rows_ms, state_ms, not_before_ms; /* the last answers; after a failure */
	bool told;                                 /* a cancel, to the owner */
	bool over, delivered; /* delivered: the server has the result, or does not want it */
	char text[FORGE_TEXT_MAX];
};

/* tries_max 0: GITEA_FINAL_TRIES. */
void gitea_ship_init(struct gitea_ship *s, unsigned tries_max, uint64_t now_ms)
	__attribute__((nonnull));

struct gitea_next gitea_ship_next(const struct gitea_ship *s, uint64_t now_ms)
	__attribute__((nonnull));

/* There is no whole row yet: wait until the log has grown. */
void gitea_ship_stuck(struct gitea_ship *s) __attribute__((nonnull));

/* The row after `row` rows begins at byte off; fewer than wanted: the log has no more. */
void gitea_ship_seek(struct gitea_ship *s, uint64_t row, uint64_t off) __attribute__((nonnull));

/* The rows that went: how many of the log, how many bytes of it; no_more; blank: an empty row behind
 * them, so that noMore counts. */
struct gitea_sent {
	uint64_t rows, bytes;
	bool no_more, blank;
};
void gitea_ship_heard_rows(struct gitea_ship *s, uint64_t now_ms, const struct gitea_sent *sent,
			   const struct http_reply *r) __attribute__((nonnull));

/* The answer to a state, final or not. True: the job is to end; said once. */
bool gitea_ship_heard_state(struct gitea_ship *s, uint64_t now_ms, bool final,
			    const struct http_reply *r) __attribute__((nonnull));

#endif
