/* Unpacking an archive that nobody vouches for into a tree. */
#ifndef EXECUTOR_ARCHIVE_UNPACK_H
#define EXECUTOR_ARCHIVE_UNPACK_H

#include "base/err.h"

#include <stdint.h>

/* bytes: of content. ratio: content to archive, looked at from ratio_from bytes of content on. */
struct archive_limits {
	uint64_t entries, bytes, ratio, ratio_from;
};

#define ARCHIVE_LIMITS                                                           \
	{                                                                        \
		.entries = 4u << 20, .bytes = (uint64_t)256 << 30, .ratio = 400, \
		.ratio_from = (uint64_t)4 << 30                                  \
	}

struct archive_unpacked {
	uint64_t entries, files, bytes;
};

/*
 * A zip (by its directory, so that a truncated one brings nothing; stored, deflated or zstd) or a tar,
 * plain, gzip or zstd, from the regular file in, from its beginning, into the directory tree. Links, also those that point
 * outside, are made and never followed; setuid, setgid and sticky bits are dropped; owners are ours.
 * -1: EPERM what the archive asks for is refused, EFBIG it is over a limit, EBADMSG it is damaged,
 * others as the system says. e names the entry; what was unpacked before it stays.
 */
int archive_unpack(int in, int tree, const struct archive_limits *l, struct archive_unpacked *ret,
		   struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
