/* hashFiles(): the SHA-256 of the SHA-256 of files that patterns name, in the order in which GitHub's
 * own walk finds them. */
#ifndef EXECUTOR_FILE_HASH_H
#define EXECUTOR_FILE_HASH_H

#include "base/arena.h"
#include "executor/digest.h"

/* dir: the directory that is called root (absolute) and that patterns are relative to; what they name
 * elsewhere does not count. A pattern may be several lines; "!" in front takes out again. */
struct file_hash {
	int dir;
	const char *root;
	const char *const *patterns;
	size_t n;
	bool follow_links; /* of directories; what a link to a file leads to counts in any case */
};

/* In hex, "" when there is no file. -1: a pattern is malformed, a file cannot be read. */
int file_hash(const struct file_hash *q, struct arena *a, char ret[DIGEST_HEX], struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
