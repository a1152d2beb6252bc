/*
 * Removing what a job left in STATE/jobs. What the supervisor may not delete itself (an ordinary
 * user's jobs own their trees by subordinate ids) is deleted from inside a sandbox that holds
 * nothing else, in turn, while the loop goes on.
 */
#ifndef RUNNER_SWEEP_H
#define RUNNER_SWEEP_H

#include "base/loop.h"
#include "runner/role.h"
#include "sandbox/sandbox.h"

struct host;
struct sweep_entry;

/* The cookie of its sandboxes: no slot has this number. */
#define SWEEP_COOKIE 0xffffffffull

struct sweep {
	struct sweep_entry *first; /* the one that is worked on */
	struct source init;        /* socket of its sandbox's init; fd -1 none */
	struct timer patience;
	bool running, asked;
	struct role cleaner; /* where a sandbox is not enough: what an image's ids left */
};

void sweep_init(struct sweep *w) __attribute__((nonnull));
/* What was not removed stays for the next start. */
void sweep_done(struct host *h) __attribute__((nonnull));

/* Remove STATE/jobs/name now, or as soon as it can be. The job's processes are gone. */
void sweep_remove(struct host *h, const char *name) __attribute__((nonnull));

/* Something waits to be removed. Ends by itself: a sandbox that says nothing is given up. */
bool sweep_busy(const struct host *h) __attribute__((nonnull));

/* The spawner's reply with SWEEP_COOKIE. */
void sweep_made(struct host *h, struct sandbox_made *made) __attribute__((nonnull));

#endif
