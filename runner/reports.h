/* Jobs that have ended here and whose end the forge has not acknowledged: their directories stay
 * until it has. Also the way of every job of an earlier life. */
#ifndef RUNNER_REPORTS_H
#define RUNNER_REPORTS_H

#include "runner/meta.h"
#include "runner/slot.h"

struct report {
	struct report *next;
	uint64_t cookie;
	char name[128]; /* of the directory */
	struct slot_label label;
	uint64_t since_ms;
};

struct reports {
	struct host *host;
	struct report *first;
	unsigned n;
};

/* Keep the directory `name` until the job with this cookie is reported. -1: out of memory. */
int reports_add(struct reports *r, uint64_t cookie, const char *name, const struct slot_label *l,
		struct err *e) __attribute__((nonnull, warn_unused_result));

/* The forge has it: the directory goes. False when no such job is waiting. */
bool reports_done(struct reports *r, uint64_t cookie) __attribute__((nonnull));

void reports_free(struct reports *r) __attribute__((nonnull));

#endif
