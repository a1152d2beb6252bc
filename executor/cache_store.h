/*
 * The caches of one project and trust, on this machine's disk.
 *
 *   TOP/lock              shared: a cache is read or written; exclusive: something goes
 *   TOP/NAME/             a project's (NAME says nothing: runner/state.h)
 *   TOP/NAME/objects/HEX[.z]  a file's bytes by their SHA-256, .z: as zstd; written once, never changed
 *   TOP/NAME/keys/HEX     a cache by the SHA-256 of its key: entries, each file with its digest, and at
 *                         the end the digest of all that; its time is when it was used last
 *
 * All caches of all projects together stay below a budget: the least recently used go first. What is
 * damaged goes too, and is a miss.
 */
#ifndef EXECUTOR_CACHE_STORE_H
#define EXECUTOR_CACHE_STORE_H

#include "executor/cache_stream.h"

#include <stdbool.h>

/* max: bytes on disk of all projects. floor: bytes that stay free on the disk. */
struct cache_limits {
	uint64_t max, floor;
};

struct cache_store {
	int top, objects, keys, lock;
	struct cache_limits limits;
	uint64_t total; /* bytes of all stores together; set by the owner before a save */
};

/* What saving or loading came to. */
struct cache_moved {
	uint64_t files, bytes, fresh; /* fresh: files that the store did not have */
};

/* The store NAME below top, made if absent; held (shared lock) until it is closed. */
int cache_store_open(struct cache_store *s, int top, const char *name, const struct cache_limits *l,
		     struct err *e) __attribute__((nonnull, warn_unused_result));
void cache_store_close(struct cache_store *s) __attribute__((nonnull));

/* Take a cache from the stream, to its CACHE_END; what was there for the key is replaced as one step.
 * -1: ENOSPC over a limit, others; nothing has changed for the key then. */
int cache_store_save(struct cache_store *s, const char *key, struct cache_stream *from,
		     struct cache_moved *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Give the cache of key to the stream. 1 all of it, 0 there is none, -1 it is damaged (and is no more)
 * or nobody takes it: without its CACHE_END nothing of it may be used. */
int cache_store_load(struct cache_store *s, const char *key, struct cache_stream *to,
		     struct cache_moved *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether there is one. */
bool cache_store_has(const struct cache_store *s, const char *key) __attribute__((nonnull));

/* Let the least recently used caches below top go until all together take no more than max bytes, and
 * whatever object belongs to none. Nothing happens (0) while somebody reads or writes. */
int cache_store_trim(int top, uint64_t max, uint64_t *ret_total, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
