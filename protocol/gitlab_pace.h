/* When a registration asks for jobs, and how many requests it has under way (pure). */
#ifndef PROTOCOL_GITLAB_PACE_H
#define PROTOCOL_GITLAB_PACE_H

#include "protocol/http.h"

#include <stdbool.h>
#include <stdint.h>

struct gitlab_pace {
	/* settings */
	unsigned interval_ms, concurrency, unhealthy_limit, unhealthy_ms;
	bool strict; /* no poll at once after a job */
	/* state; times are clock_ms() */
	double wanted;         /* adaptive request concurrency, 1 .. concurrency */
	unsigned refusals;     /* 403 in a row */
	unsigned failures;     /* transport and other errors in a row */
	unsigned credit;       /* polls that may follow at once */
	uint64_t credit_at_ms; /* when the last credit came back */
	uint64_t started_ms;   /* the last poll */
	uint64_t next_ms;      /* no poll before that */
};

/* What became of a poll. */
enum gitlab_polled {
	GITLAB_POLL_JOB,
	GITLAB_POLL_NONE,    /* 204 */
	GITLAB_POLL_BUSY,    /* 409, 429, 503: healthy, nothing now */
	GITLAB_POLL_REFUSED, /* 403 */
	GITLAB_POLL_FAILED,  /* anything else, and transport errors */
};

/* 0 takes the default of a setting: 3 s, 1 request, 3 refusals, 1 h. */
void gitlab_pace_init(struct gitlab_pace *p) __attribute__((nonnull));

enum gitlab_polled gitlab_polled(const struct http_reply *r) __attribute__((nonnull));

/* Whether a poll may start now with `flying` under way; else *ret_at is when to look again (0: when
 * one of those ends). gitlab_pace_started when it did. */
bool gitlab_pace_may(const struct gitlab_pace *p, uint64_t now_ms, unsigned flying,
		     uint64_t *ret_at) __attribute__((nonnull));
void gitlab_pace_started(struct gitlab_pace *p, uint64_t now_ms) __attribute__((nonnull));

/*
 * A poll ended. pushed_back: a retriable status was seen on the way. news: the server let go of a
 * held poll, or named another X-GitLab-Last-Update: ask again at once, while there is credit (it
 * comes back with time and with every job, so that a queue that always changes is no busy loop).
 * True when the runner becomes unhealthy by this answer.
 */
struct gitlab_poll_end {
	enum gitlab_polled what;
	bool pushed_back, news;
};
bool gitlab_pace_ended(struct gitlab_pace *p, uint64_t now_ms, struct gitlab_poll_end end)
	__attribute__((nonnull));

#endif
