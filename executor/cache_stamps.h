/*
 * What restored files looked like when they were in place: one that looks the same when the cache is
 * saved has not been written since (the kernel sets the time of change, a job cannot), so that its bytes
 * need not be read to know their digest.
 */
#ifndef EXECUTOR_CACHE_STAMPS_H
#define EXECUTOR_CACHE_STAMPS_H

#include "base/buf.h"

#include <stdint.h>
#include <sys/stat.h>

enum { CACHE_STAMPS_MAX = 512 << 20, CACHE_HEX = 64 };

/* Being written: in the order in which files were restored. */
struct cache_stamps {
	struct buf text;
	size_t at; /* reading */
};

/* A file that was just written, how it looks now, and its digest in hex. That it is renamed after this
 * costs no more than that it is read. */
int cache_stamps_note(struct cache_stamps *s, const char *path, const struct stat *st,
		      const char *hex, struct err *e) __attribute__((nonnull, warn_unused_result));

/* All that as a sealed memfd. */
int cache_stamps_seal(const struct cache_stamps *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Read a memfd of cache_stamps_seal. */
int cache_stamps_read(struct cache_stamps *s, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The digest of path if it still looks as st says, else NULL. Paths must be asked for in the order of
 * strcmp, as a cache is made: what was passed is not found again. */
const char *cache_stamps_find(struct cache_stamps *s, const char *path, const struct stat *st)
	__attribute__((nonnull));

void cache_stamps_done(struct cache_stamps *s) __attribute__((nonnull));

#endif
