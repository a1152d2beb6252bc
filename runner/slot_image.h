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

/* What an order wants for a root: layers, user and folders as in struct gate_sandbox; number 0 is the job's, its
 * services' are 1 and on. */
struct slot_image {
	const char *layers, *user, *folders;
	unsigned number;
};

/* The directory of the layer of its own, below the job's. */
enum { SLOT_IMAGE_BOX = 16 };
void slot_image_box(unsigned number, char out[SLOT_IMAGE_BOX]) __attribute__((nonnull));
/* Whether there is any such directory in a job's, dir. */
bool slot_image_has_box(int dir);

/* Let the slot's order have it: the first two of its fds that are -1 become the layers and that layer. */
int slot_image_fill(struct slot *s, const struct slot_image *want, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
