/* Mounts by fd: sources are opened as detached trees, targets resolved inside the new root. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "sandbox/setup.h"

#include <stdbool.h>

/*
 * Open the binds of the spec as detached mounts, those that are not open yet. The spawner calls it
 * first: root can clone a mount that it holds by fd; an ordinary user cannot, then the child does
 * it by path, and checks that it found what the fd holds. may_defer: EPERM leaves a bind to the
 * child.
 */
int mounts_open_sources(struct setup *s, bool may_defer, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Whether nothing is left to be looked up by its path on the host. */
bool mounts_all_open(const struct setup *s) __attribute__((nonnull));
void mounts_close_sources(struct setup *s) __attribute__((nonnull));

/* Steps: the sources that are still to be opened; every mount of the spec, in its order. */
int mounts_open(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int mounts_attach(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* A detached clone of path and all below it, private, nosuid, with attr (MOUNT_ATTR_*) set on all.
 */
int mounts_clone(int dir, const char *path, uint64_t attr, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* path below root (no leading '/'), made of directories (mode 0755) as far as it is absent, its
 * last component a file if asked; as an O_PATH fd. No symbolic link is followed. */
int mounts_target(int root, const char *path, bool file, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same of what fd is. An ordinary user can clone no mount of another namespace: then it is looked up by
 * its path, unless that is left to somebody else (may_defer: EPERM or EINVAL). */
int mounts_clone_fd(int fd, uint64_t attr, bool may_defer, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Put the detached mount tree onto target. */
int mounts_move(int tree, int target, struct err *e) __attribute__((warn_unused_result));

#endif
