/*
 * A sandbox made before it is asked for: its init runs and waits for its worker, and only the job's own
 * mounts are missing. One at a time. It is used for the first request that differs from what was
 * prepared in nothing but mounts, and dropped when something of the host that it shows has changed.
 */
#ifndef SANDBOX_READY_H
#define SANDBOX_READY_H

#include "sandbox/order.h"

struct ready {
	bool there;
	struct stage_key key;
	struct order order;
};

/* Have one like spec, which has no mounts: made if there is none, anew if it is another. */
int ready_prepare(struct ready *r, struct order_means *with, const struct sandbox_spec *spec,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* End it, if there is one. */
void ready_forget(struct ready *r) __attribute__((nonnull));
/* End it and wait for its end: a spawner that ends leaves none to be reaped by others. */
void ready_done(struct ready *r) __attribute__((nonnull));

/*
 * Give o, whose sources have been opened, the one that is there, with o's mounts in it. False: o has
 * to be made; then it is as it was, and one that was there and failed is gone.
 */
bool ready_take(struct ready *r, struct order *o) __attribute__((nonnull, warn_unused_result));

/* Whether it is this process, which has ended. */
bool ready_ended(struct ready *r, pid_t pid) __attribute__((nonnull, warn_unused_result));

#endif
