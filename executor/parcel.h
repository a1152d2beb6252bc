/*
 * What an archiver is asked to pack: patterns below a job's tree and how they are to be packed. The
 * worker writes it into a sealed memfd, a key and a value a line; the archiver reads it once.
 */
#ifndef EXECUTOR_PARCEL_H
#define EXECUTOR_PARCEL_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { PARCEL_PATTERNS_MAX = 20000, PARCEL_BYTES_MAX = 8 << 20 };

/* Strings are never NULL. tree: absolute, as the job sees it. name: of the archive, without suffix.
 * predicate: JSON of the provenance that goes into a zip as NAME-metadata.json; "" none. limit: bytes
 * of the archive. */
struct parcel {
	const char *tree, *name, *format, *level, *predicate;
	const char *const *paths, *const *excludes;
	size_t npaths, nexcludes;
	bool untracked;
	uint64_t limit;
};

int parcel_write(const struct parcel *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Strings and lists are a's. -1: a line is malformed or has an unknown key. */
int parcel_read(const char *text, struct arena *a, struct parcel *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
