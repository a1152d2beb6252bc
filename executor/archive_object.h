/* A file's bytes as zstd, for stores. */
#ifndef EXECUTOR_ARCHIVE_OBJECT_H
#define EXECUTOR_ARCHIVE_OBJECT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What is read from in (from its beginning) to its end, into out. */
int archive_object_pack(int in, int out, struct err *e) __attribute__((warn_unused_result));

/* The bytes of a packed one, piece by piece, to take; -1 of it ends it. EBADMSG: damaged. */
int archive_object_unpack(int in, int (*take)(void *arg, const void *p, size_t n, struct err *e),
			  void *arg, struct err *e)
	__attribute__((nonnull(2, 4), warn_unused_result));

#endif
