/* The part of a sandbox's spec that says what its root file system is. */
#ifndef SANDBOX_SPEC_IMAGE_H
#define SANDBOX_SPEC_IMAGE_H

#include <stdint.h>

enum { SANDBOX_LAYERS = 127, SANDBOX_USER = 128 };

/* The root file system. nlayers 0: the host's, by an allow-list. Else an image's: what the job writes goes
 * into a layer of its own, and an id 0 of the job has the powers of a container's. */
struct sandbox_image {
	uint32_t nlayers;
	int32_t layers_fd; /* index into the fds: the directory that the layers are in */
	int32_t upper_fd;  /* an empty directory for what the job writes; -1: memory */
	uint32_t owner;    /* what their id 0 is on the disk, if not what the job's is; else 0 */
	uint32_t layers[SANDBOX_LAYERS]; /* their names, the topmost first */
	char user[SANDBOX_USER]; /* "name" or "id", perhaps ":group"; looked up in the image */
};

#endif
