/*
 * A file that is written by one role while another sends it. How far it is goes through a pipe, eight
 * bytes a notice, so that the reader waits for nothing but the pipe; the pipe closed before the last
 * notice means that the file will never be whole.
 */
#ifndef EXECUTOR_SPOOL_H
#define EXECUTOR_SPOOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* fds are borrowed. limit: the most bytes it may become. */
struct spool_writer {
	int fd, pipe;
	uint64_t size, told, limit;
};

/* A struct spool_writer as arg. -1: EFBIG over the limit, with words; or what the disk says. */
int spool_write(void *writer, const void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The last notice: it is whole. */
int spool_end(struct spool_writer *w, struct err *e) __attribute__((nonnull, warn_unused_result));

/* fds are borrowed; pipe is made non-blocking by the owner. size: how far it is known to be. */
struct spool_reader {
	int fd, pipe;
	uint64_t size;
	bool whole, lost;
};

/* Take the notices that are there. */
void spool_look(struct spool_reader *r) __attribute__((nonnull));
/* Up to n bytes from at on; 0 when they are not there (yet). -1 with e set. */
ssize_t spool_read(const struct spool_reader *r, uint64_t at, void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
