/*
 * One store of images for all jobs: what is unpacked is there once, by what it is.
 *
 *   STORE/blobs/HEX        fetched and not yet unpacked; HEX.part is under way (flock). The puller's
 *   STORE/layers/N         a layer, unpacked; whoever unpacks holds its flock
 *   STORE/diffs/HEX -> N-BYTES   which that is (HEX of its tar), written last
 *   STORE/images/HEX       the record of an image whose layers are all there (HEX of its manifest); a
 *                          shared flock: in use; its time: when it was used last
 *   STORE/refs/KEY -> HEX[+private]   what a name was last; KEY is image_store_key
 *   STORE/lock             shared: something is being unpacked or published; exclusive: something goes
 */
#ifndef EXECUTOR_IMAGE_STORE_H
#define EXECUTOR_IMAGE_STORE_H

#include "executor/image.h"

struct image_store {
	int dir, blobs, layers, diffs, images, refs; /* O_DIRECTORY */
};

#define IMAGE_STORE                    \
	{                              \
		-1, -1, -1, -1, -1, -1 \
	}

/* The directories below dir, made if absent (by whoever makes them the owner). */
int image_store_open(struct image_store *s, int dir, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void image_store_close(struct image_store *s) __attribute__((nonnull));

/* What a name and a platform are called in refs. */
void image_store_key(const char *name, const char *platform, char ret[IMAGE_HEX + 1])
	__attribute__((nonnull));

/* Whether the layer is there: its number and how many bytes it takes. */
bool image_store_layer(int diffs, const char *hex, uint32_t *ret_number, uint64_t *ret_bytes)
	__attribute__((nonnull));

/* The record of what the name was last, held (flock) as long as the fd is open, and noted as used; -1
 * with ENOENT when there is none. Nothing of it is read here. */
int image_store_find(const struct image_store *s, const char *key, bool *ret_private, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Every layer of the record is there: let the name mean it. */
struct image_publish {
	const char *key, *digest;
	const struct buf *record;
	uint32_t owner; /* whose the record becomes, so that a use of it can be noted; 0 ours */
	bool private;
};
int image_store_publish(const struct image_store *s, const struct image_publish *p, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A directory for a new layer, locked; *ret_number is its name. */
int image_store_begin_layer(const struct image_store *s, uint32_t *ret_number, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* It is whole, and on the disk (syncfs). When somebody else was faster, ours goes. */
int image_store_end_layer(const struct image_store *s, const char *hex, uint32_t number,
			  uint64_t bytes, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void image_store_drop_layer(const struct image_store *s, uint32_t number) __attribute__((nonnull));

/* STORE/lock, shared or exclusive; -1 with EWOULDBLOCK instead of waiting when it is exclusive. */
int image_store_lock(const struct image_store *s, bool exclusive, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Let the least recently used images go until their layers take no more than max bytes, and whatever
 * belongs to none; blobs that nobody unpacked for a day too. Nothing happens while somebody unpacks. */
struct image_trimmed {
	unsigned images;
	uint64_t freed, left;
};
int image_store_trim(const struct image_store *s, uint64_t max, struct image_trimmed *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
