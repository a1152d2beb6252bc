/* The sandbox of a slot's job: what it shall be, from the configuration and the worker's request. */
#ifndef RUNNER_SLOT_BOX_H
#define RUNNER_SLOT_BOX_H

#include "runner/slot.h"

/* Where the mirror's objects are in every sandbox. */
#define SLOT_MIRROR "/run/mirror"

/* A request for a sandbox. The fds are its own, ended by -1: the tree, the objects, the snapshot, the
 * actions, an image's two, as far as there are. */
struct slot_order {
	struct sandbox_spec spec;
	int fds[SANDBOX_FDS + 1];
};

/* An empty one as the slot's, with what does not depend on the job. NULL with e set. */
struct slot_order *slot_order_new(struct slot *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Send the slot's: it is sent or waits for room. -1: it is gone. */
int slot_order_send(struct slot *s, struct err *e) __attribute__((nonnull, warn_unused_result));

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
