/* What a service says: masked, its last lines kept, all of them in the job's log if that was asked for. */
#ifndef EXECUTOR_SERVICE_LOG_H
#define EXECUTOR_SERVICE_LOG_H

#include "executor/joblog.h"

struct service_log {
	struct joblog *log;
	const char *name;
	bool shown;            /* every line goes into the job's log */
	size_t keep;           /* how many bytes of the last lines are kept */
	bool cut;              /* there were more */
	struct joblog_tap tap; /* masked: of a line that has not ended */
	struct buf tail;       /* the last lines */
};

enum { SERVICE_LOG_KEEP = 4096 };

/* All but log, name, shown and keep. */
int service_log_init(struct service_log *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void service_log_done(struct service_log *l) __attribute__((nonnull));

int service_log_write(struct service_log *l, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Nothing more comes. */
int service_log_end(struct service_log *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Say its last lines in the job's log, unless it has shown them, each with its name in front. */
void service_log_say_tail(struct service_log *l) __attribute__((nonnull));
/* The same as a section of the log. */
void service_log_say_section(struct service_log *l) __attribute__((nonnull));

#endif
