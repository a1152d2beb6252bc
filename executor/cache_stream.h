/*
 * The files of a cache on their way between the role that sees a job's tree and the one that sees the
 * store: an entry after the other over a pipe, a file's bytes behind its entry.
 */
#ifndef EXECUTOR_CACHE_STREAM_H
#define EXECUTOR_CACHE_STREAM_H

#include "base/buf.h"

#include <stdint.h>
#include <sys/stat.h>

enum {
	CACHE_PATH = 4096,
	CACHE_CHUNK = 256 << 10,
	CACHE_FILE = 'f',
	CACHE_KNOWN =
		'k', /* a file that the store has: target is its digest in hex, no bytes follow */
	CACHE_LINK = 'l',
	CACHE_DIR = 'd',
	CACHE_END = 'e',  /* it is whole */
	CACHE_FACTS = 's' /* the first: size is what all files whose bytes follow come to */
};

/* path and target are "" where there is none. target: of a link; of a file that comes from a store its
 * digest in hex. */
struct cache_entry {
	char type;
	uint32_t mode, nsec;
	int64_t sec;
	uint64_t size;
	char path[CACHE_PATH], target[CACHE_PATH];
};

/* fd is borrowed. Either for writing or for reading. */
struct cache_stream {
	int fd;
	size_t at, len;
	char chunk[CACHE_CHUNK];
};

/* On the heap: NULL with e set. */
struct cache_stream *cache_stream_new(int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void cache_stream_free(struct cache_stream *s);

int cache_put(struct cache_stream *s, const struct cache_entry *x, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int cache_put_data(struct cache_stream *s, const void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int cache_flush(struct cache_stream *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* -1: EPIPE it broke off, EPROTO it is malformed. */
int cache_get(struct cache_stream *s, struct cache_entry *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Exactly n bytes. */
int cache_get_data(struct cache_stream *s, void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same form in memory: for the list of a cache. *at is moved. */
int cache_entry_put(struct buf *out, const struct cache_entry *x, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int cache_entry_get(const struct buf *in, size_t *at, struct cache_entry *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
