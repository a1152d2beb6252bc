/* Jobs whose poll was answered when the last slot was gone: they wait, the oldest first, and the courier
 * keeps them alive at the forge. */
#ifndef RUNNER_OFFERS_H
#define RUNNER_OFFERS_H

#include "base/arena.h"
#include "runner/courier.h"

struct offer {
	struct offer *next;
	struct courier_job job; /* its own copy */
	struct arena texts;
};

/* Put j at the end; its payload is the offer's then (j->payload is -1). */
int offers_keep(struct offer **list, struct courier_job *j, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Forget the one with this cookie, if there is one. */
void offers_drop(struct offer **list, uint64_t cookie) __attribute__((nonnull));
void offers_clear(struct offer **list) __attribute__((nonnull));

unsigned offers_count(const struct offer *list);

#endif
