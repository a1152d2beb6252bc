/* The list of a cache as it lies in the store: a first line, entries, the digest of all that. */
#ifndef EXECUTOR_CACHE_LIST_H
#define EXECUTOR_CACHE_LIST_H

#include "executor/cache_stream.h"
#include "executor/digest.h"

enum { CACHE_LIST_MAX = 512 << 20 };

/* What the list of a key is called. */
int cache_key_name(const char *key, char ret[DIGEST_HEX], struct err *e)
	__attribute__((nonnull, warn_unused_result));

int cache_list_begin(struct buf *list, struct err *e) __attribute__((nonnull, warn_unused_result));
int cache_list_end(struct buf *list, struct err *e) __attribute__((nonnull, warn_unused_result));

/* -1 with EBADMSG unless it is whole and unchanged. */
int cache_list_check(const struct buf *list, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Of a checked one: where the entries begin; the next one, 0 behind the last. *ret_digest: of a file. */
size_t cache_list_first(void);
int cache_list_next(const struct buf *list, size_t *at, struct cache_entry *ret,
		    const uint8_t **ret_digest, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * Bytes on disk of everything below top (executor/cache_store.h). What a directory of objects comes to is
 * kept as its time of change, whose nanoseconds are a mark: whoever adds or removes an object sets another
 * time, so that a sum is either right or not there.
 */
int cache_total(int top, uint64_t *ret, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Keep the sums of all stores below top, unless somebody reads or writes one now. */
void cache_total_keep(int top);

#endif
