/*
 * Archives, written and read as streams: what artifacts and caches travel in. This is the one place
 * that knows libarchive; it works on a tree by a directory fd, follows no link and trusts no archive.
 */
#ifndef EXECUTOR_ARCHIVE_H
#define EXECUTOR_ARCHIVE_H

#include "base/err.h"
#include "executor/archive_format.h"
#include "executor/digest.h"

#include <stddef.h>
#include <stdint.h>

/* Where the bytes go; -1 with e set ends it. */
struct archive_sink {
	int (*write)(void *arg, const void *p, size_t n, struct err *e);
	void *arg;
};

/* GitLab's words: "fastest", "fast", "default", "slow", "slowest"; any other is the default. */
struct archive_options {
	enum archive_format format;
	const char *level;
	struct archive_sink sink;
};

struct archive_writer;

/* NULL with e set. Copies o. */
struct archive_writer *archive_writer_new(const struct archive_options *o, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A file, link or directory of the tree. ret_digest (NULL: not wanted) is filled for a file. 0 it is
 * in, 1 it cannot be read and was left out (e says why), -1 the archive is lost. */
int archive_writer_add(struct archive_writer *w, int tree, const char *path, uint8_t *ret_digest,
		       struct err *e) __attribute__((nonnull(1, 3, 5), warn_unused_result));

/* A file of these bytes. */
int archive_writer_bytes(struct archive_writer *w, const char *path, const void *p, size_t n,
			 struct err *e) __attribute__((nonnull, warn_unused_result));

/* Files added so far (no directories, no links), and the bytes in them. */
void archive_writer_count(const struct archive_writer *w, uint64_t *ret_files, uint64_t *ret_bytes)
	__attribute__((nonnull));

/* Write what must stand at the end. */
int archive_writer_end(struct archive_writer *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void archive_writer_free(struct archive_writer *w);

#endif
