/* What a service says: masked, its last lines kept, all of them in the job's log if that was asked for. */
#ifndef EXECUTOR_SERVICE_LOG_H
#define EXECUTOR_SERVICE_LOG_H

#include "executor/joblog.h"

struct service_log {
	struct joblog *log;
	const char *name;
	bool shown; /* every line goes into the job's log */
	struct redactor *redactor;
	struct buf masked; /* of a line that has not ended */
	struct buf tail;   /* the last lines */
};

/* All but log, name and shown. The masks of the log are borrowed. */
int service_log_init(struct service_log *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void service_log_done(struct service_log *l) __attribute__((nonnull));

int service_log_write(struct service_log *l, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Nothing more comes. */
int service_log_end(struct service_log *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Say its last lines in the job's log, unless it has shown them. */
void service_log_say_tail(struct service_log *l) __attribute__((nonnull));

#endif
