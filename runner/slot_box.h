/* The sandbox of a slot's job: what it shall be, from the configuration and the worker's request. */
#ifndef RUNNER_SLOT_BOX_H
#define RUNNER_SLOT_BOX_H

#include "runner/slot.h"

/* Where the mirror's objects are in every sandbox. */
#define SLOT_MIRROR "/run/mirror"

/* Ask the spawner, now or when it has room for the question. The reply comes to slot_spawned. */
int slot_box_request(struct slot *s, const struct gate_sandbox *want, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Have a sandbox ready for a job to come in slot number. */
int slot_box_prepare(struct host *h, unsigned number, const struct slot_options *o, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The spawner has answered somebody, so it may have room: ask what waits. */
void slot_box_ask_again(struct host *h) __attribute__((nonnull));

/* The sandbox is not wanted any more. */
void slot_box_forget(struct slot *s) __attribute__((nonnull));

/* The mirror that belongs to the job's own repository, as the coordinator named it. */
int slot_mirror(struct slot *s, const struct gate_sandbox *want, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
