/* File descriptors: none can leak, and none is opened outside the directory it belongs to. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

/* Close at the end of the scope; errno survives. close() is never retried: on Linux the fd is gone. */
static inline void fd_closep(const int *fd)
{
	int keep = errno;
	if (*fd >= 0)
		close(*fd);
	errno = keep;
}
#define autofd __attribute__((cleanup(fd_closep))) int

/* Move an fd out of its variable, which is -1 afterwards. */
static inline int fd_take(int *fd)
{
	int out = *fd;
	*fd = -1;
	return out;
}

/* Close *fd if it is open and set it to -1. */
void fd_close(int *fd) __attribute__((nonnull));

/*
 * Open path beneath the directory fd dir: no "..", no absolute path, no symbolic link in any
 * component, no other file system's magic link (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS).
 * flags as for open(2); O_CLOEXEC is added. Returns the fd, or -1 with e naming the path.
 */
int fd_open_beneath(int dir, const char *path, int flags, mode_t mode, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Everything that can be read from fd, appended to b, up to b's limit. EINTR is retried. */
int fd_read_all(int fd, struct buf *b, struct err *e) __attribute__((nonnull, warn_unused_result));

/* All n bytes written, or -1. Blocking fds only. */
int fd_write_all(int fd, const void *data, size_t n, struct err *e)
	__attribute__((nonnull(2, 4), warn_unused_result));

/* The whole file at path (the operator's own, not one that a job can influence) appended to b. */
int fd_read_file(const char *path, struct buf *b, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Replace dir/name as one step: a temporary file with mode, synced, renamed over it. */
int fd_replace_file(int dir, const char *name, mode_t mode, const struct buf *content,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* A memfd holding n bytes, sealed against every change. name is for /proc only. -1 with e set. */
int fd_sealed(const char *name, const void *data, size_t n, struct err *e)
	__attribute__((nonnull(1, 4), warn_unused_result));

/* Set or clear O_NONBLOCK. */
int fd_nonblock(int fd, int on, struct err *e) __attribute__((nonnull, warn_unused_result));

/* A directory below dir, made with mode if absent, opened (O_DIRECTORY, no symbolic link followed). */
int fd_mkdir_open(int dir, const char *name, mode_t mode, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Remove name below dir and all that is in it; follows nothing; absent is fine. Depth is limited by
 * nothing but memory: iterative, one fd at a time. */
int fd_remove_tree(int dir, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same for what is in dir; dir itself stays. */
int fd_clear_tree(int dir, struct err *e) __attribute__((nonnull, warn_unused_result));

/*
 * What from holds, into the directory to, which has none of it: files with the permissions (the
 * umask's bits are taken away) and times they have, directories, links as they are. -1: something
 * else is there, it is too deep (100), or it cannot be written; what was copied stays.
 */
int fd_copy_tree(int from, int to, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
