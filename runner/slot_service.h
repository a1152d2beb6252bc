/* Services of a slot's job, and its actions that are images: sandboxes beside the job's own, in its network, ended
 * with its worker. */
#ifndef RUNNER_SLOT_SERVICE_H
#define RUNNER_SLOT_SERVICE_H

#include "base/msg.h"
#include "executor/gate.h"

#include <stdbool.h>

struct slot;
struct sandbox_made;

struct slot_services {
	int pidfds[GATE_SERVICES]; /* of their inits; those that have ended may have left */
	unsigned n, made;          /* made: the number of the last one */
	bool asked;                /* the sandbox that is waited for is a service's */
};

/* Answer GATE_SERVICE, now or when the spawner has. -1: malformed. */
int slot_service_serve(struct slot *s, struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* It is there: the worker gets it. */
void slot_service_made(struct slot *s, struct sandbox_made *made) __attribute__((nonnull));

/* One of an adopted job's: the pidfd is the slot's afterwards. */
void slot_service_adopt(struct slot *s, int pidfd) __attribute__((nonnull));

/* Whether all their processes are gone. */
bool slot_services_gone(const struct slot *s) __attribute__((nonnull));

void slot_services_done(struct slot *s) __attribute__((nonnull));

#endif
