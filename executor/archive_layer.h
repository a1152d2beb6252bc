/*
 * One layer of an image, from the bytes a registry gave to a directory as an overlay wants its lower ones:
 * whiteouts as devices 0:0, opaque directories marked, owners and rights kept, devices left out.
 *
 * The tar is hostile: nothing is written outside `to`, whatever names and links are in it. A symbolic link
 * on the way to an entry is followed as if `to` were the root of everything.
 */
#ifndef EXECUTOR_ARCHIVE_LAYER_H
#define EXECUTOR_ARCHIVE_LAYER_H

#include "executor/image.h"

struct archive_layer {
	int from;         /* the blob: tar, plain or with gzip or zstd */
	int to;           /* an empty directory */
	const int *lower; /* the layers below it, the nearest first */
	size_t nlower;
	const char *diff;                /* hex: what the tar's digest must be */
	uint64_t max_bytes, max_entries; /* of what is unpacked */
	bool single_id;                  /* there is one id: owners and setuid bits are not kept */
};

struct archive_layer_result {
	uint64_t bytes, entries; /* what it takes on the disk, about; how many there were */
	unsigned devices;        /* left out */
};

/* -1 with e: EBADMSG not what the digest promised, or cut short; EINVAL, E2BIG refused with words;
 * ENOSPC and the like. What was written until then stays. */
int archive_layer_unpack(const struct archive_layer *l, struct archive_layer_result *ret,
			 struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
