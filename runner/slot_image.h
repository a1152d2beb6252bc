/* Images for a slot's job: what is in the store, who brings more, and an image as its root. */
#ifndef RUNNER_SLOT_IMAGE_H
#define RUNNER_SLOT_IMAGE_H

#include "runner/slot.h"

/* Answer GATE_IMAGE. -1: malformed. */
int slot_image_serve(struct slot *s, struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The fds 4 and on of a puller and of an unpacker; -1 with e set. They are the caller's. */
int slot_image_puller_fds(struct slot *s, int ret[3], struct err *e)
	__attribute__((nonnull, warn_unused_result));
int slot_image_unpacker_fds(struct slot *s, int ret[2], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Let the spec have the image for a root: the first two fds that are -1 become the layers and the layer of
 * the job's own. */
int slot_image_fill(struct slot *s, const struct gate_sandbox *want, struct sandbox_spec *spec,
		    int *fds, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
