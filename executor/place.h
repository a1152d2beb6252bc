/*
 * Putting files into a tree from outside sources: every path is checked, no link on the way is
 * followed, what stands in the way of a file or a link is replaced, a directory never is.
 */
#ifndef EXECUTOR_PLACE_H
#define EXECUTOR_PLACE_H

#include "base/err.h"

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { PLACE_PATH = 4096 };

/* tree is borrowed. The directory that was last worked in stays open. */
struct place {
	int tree, parent;
	char parent_path[PLACE_PATH];
};

void place_init(struct place *p, int tree) __attribute__((nonnull));
void place_done(struct place *p) __attribute__((nonnull));

/* path in its simplest form into ret: no "." part, no doubled slash, none at the end. "" is the tree
 * itself. -1 (EPERM) when it is absolute or has a "..", too long or holds nothing. */
int place_path(const char *path, char ret[PLACE_PATH], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Each takes a path as place_path made it, not "", and makes the directories above it. -1 with e
 * naming the path; ELOOP or ENOTDIR: a link or a file is where a directory should be. */

/* A new file to write. Its mode is what the umask (022) leaves of mode until place_finish. */
int place_file(struct place *p, const char *path, mode_t mode, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Its owner can always read, write and search it. */
int place_dir(struct place *p, const char *path, mode_t mode, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int place_link(struct place *p, const char *path, const char *target, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Another name for the file at of, which is below the tree. */
int place_hard_link(struct place *p, const char *path, const char *of, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What a file of place_file gets when it is written: permissions without setuid, setgid and sticky; its time. */
int place_finish(int fd, mode_t mode, struct timespec mtime, struct err *e)
	__attribute__((warn_unused_result));

#endif
