/* One question to a coordinator, for a command: a courier is started, asked, and ends. */
#ifndef RUNNER_COURIER_ASK_H
#define RUNNER_COURIER_ASK_H

#include "base/secret.h"
#include "runner/config.h"
#include "runner/courier.h"

struct courier_said {
	bool ok;
	bool ephemeral;  /* the server knows that it is for one job */
	uint32_t status; /* of HTTP; 0: nobody answered */
	uint64_t id, expires;
	struct secret token; /* a new one; unset: unchanged */
	char text[480];      /* why not */
};

/* A question about a registration, as it is configured. Borrows from r; its labels are a's. -1: out of
 * memory. */
int courier_question(const char *verb, const struct config_runner *r, struct arena *a,
		     struct courier_oneshot *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Ask q (its cookie is set here) and wait for the answer. -1: no courier could be asked. ret is to be
 * given to courier_said_done in any case. */
int courier_ask(const struct config *c, struct courier_oneshot *q, struct courier_said *ret,
		struct err *e) __attribute__((nonnull, warn_unused_result));
void courier_said_done(struct courier_said *s) __attribute__((nonnull));

#endif
