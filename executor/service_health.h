/* Whether a service is up, as a command within it says (--health-cmd). */
#ifndef EXECUTOR_SERVICE_HEALTH_H
#define EXECUTOR_SERVICE_HEALTH_H

#include "executor/container_options.h"
#include "sandbox/sandbox.h"

struct service_box;

struct service_health {
	const struct container_health *how; /* NULL: nobody asks */
	uint32_t id;                        /* of the command that runs or ran last; 0 none yet */
	bool running, late;                 /* late: it takes longer than it may */
	bool healthy, failed;
	unsigned failures;                    /* in a row */
	uint64_t since_ms, next_ms, count_ms; /* count_ms: a failure from then on counts */
	uint64_t pause_ms;
	int out;        /* what it says; -1 */
	char said[200]; /* the last that it said, or why it could not run */
};

/* The service's command has begun. */
void service_health_begin(struct service_box *s) __attribute__((nonnull));
/* Ask again where it is time to; never blocks. */
void service_health_look(struct service_box *s) __attribute__((nonnull));
/* What its init says of another command than its own. */
void service_health_event(struct service_box *s, const struct sandbox_event *ev)
	__attribute__((nonnull));
void service_health_end(struct service_box *s) __attribute__((nonnull));

#endif
