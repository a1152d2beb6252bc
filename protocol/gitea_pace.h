/* When a registration asks a Gitea server for a task (pure): one request at a time, each second as long
 * as that costs the server one indexed query, more rarely when nothing has happened for long. */
#ifndef PROTOCOL_GITEA_PACE_H
#define PROTOCOL_GITEA_PACE_H

#include "protocol/gitea_reply.h"

/* Zeroed, then gitea_pace_init. Times are clock_ms(). */
struct gitea_pace {
	unsigned interval_ms;
	uint64_t version; /* the server's tasksVersion as it was last; 0: look in any case */
	bool old;         /* a server that does not count its tasks: each request is a search */
	unsigned failures;
	uint64_t news_ms; /* the last task, or another version */
	uint64_t next_ms; /* no request before that */
};

/* interval_ms 0: one second. */
void gitea_pace_init(struct gitea_pace *p, unsigned interval_ms, uint64_t now_ms)
	__attribute__((nonnull));

/* FetchTask was answered. */
void gitea_pace_fetched(struct gitea_pace *p, uint64_t now_ms, const struct gitea_fetched *f)
	__attribute__((nonnull));

/* It went wrong; refused: the server does not know the runner, which seldom changes. */
void gitea_pace_failed(struct gitea_pace *p, uint64_t now_ms, bool refused)
	__attribute__((nonnull));

#endif
