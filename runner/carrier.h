/* One artifact up or down: attempts, waits and redirects, until the coordinator has it or we do. */
#ifndef RUNNER_CARRIER_H
#define RUNNER_CARRIER_H

#include "executor/carrier.h"
#include "protocol/http.h"

struct carrier {
	struct loop *loop;
	struct http *http;
	int sock; /* the worker, for notes */
};

/* What a transfer came to. */
struct carried {
	uint64_t bytes;
	char text[256];           /* "201 Created" */
	enum sources_fault fault; /* why it failed */
};

/* -1 with ret->fault and e. The fds stay the caller's; its pipe is made non-blocking. */
int carrier_upload(struct carrier *c, const struct carrier_upload *u, struct carried *ret,
		   struct err *e) __attribute__((nonnull, warn_unused_result));
int carrier_download(struct carrier *c, const struct carrier_download *d, struct carried *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/* For both: run one request, again as forge_retry says, and read its answer. A plan is what is left
 * of the time and the attempts. */
struct carrier_plan {
	uint64_t end_ms; /* clock_ms() */
	unsigned failures;
};
void carrier_begin(struct carrier_plan *p, unsigned timeout_s) __attribute__((nonnull));
/* After a failed attempt, told in e: wait and return 0, or -1 when there is to be no other. most: how
 * many in all. */
int carrier_again(struct carrier *c, struct carrier_plan *p, unsigned most, const struct err *why)
	__attribute__((nonnull, warn_unused_result));
/* Milliseconds for one request; at least one. */
unsigned carrier_left_ms(const struct carrier_plan *p) __attribute__((nonnull));
/* Let the loop run for ms. */
int carrier_pause(struct carrier *c, uint64_t ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void carrier_note(struct carrier *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull));

#endif
