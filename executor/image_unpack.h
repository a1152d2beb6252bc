/* Making an image out of its blobs: every layer that is absent is unpacked, then the image gets its name. */
#ifndef EXECUTOR_IMAGE_UNPACK_H
#define EXECUTOR_IMAGE_UNPACK_H

#include "executor/image_store.h"

struct image_unpack {
	const struct image_store *store;
	const char *key; /* image_store_key */
	bool private;
	bool single_id;
	uint32_t owner;                  /* image_publish.owner */
	uint64_t max_bytes, max_entries; /* of a layer */
	void (*say)(void *arg, const char *line);
	void *arg;
	enum image_fault fault; /* when it ends with -1 */
};

/* record: an open file. Waits for others who unpack one of its layers. */
int image_unpack(struct image_unpack *u, int record, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
