/* The root file system: a small read-only tmpfs on which the host's programs are seen. */
#ifndef SANDBOX_ROOTFS_H
#define SANDBOX_ROOTFS_H

#include "sandbox/setup.h"

/* Steps. After rootfs_mount the new root is the working directory and s->root. */
int rootfs_mount(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /usr, /bin … as the host has them, recursive and read-only. */
int rootfs_host(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /tmp, /run, /var, /home and the job's home: private and empty. */
int rootfs_private(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The directories that a stage has to hold because its root is read-only: the job's home and work. */
int rootfs_places(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The new root becomes "/", and the old one is taken away. A stage's root stays: it holds nothing else. */
int rootfs_pivot(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The root itself, /dev and the job's work become read-only. */
int rootfs_seal(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* For a stage, that has no work yet: the root and /dev. */
int rootfs_seal_stage(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* In a sandbox that is there: directories to mount on can be made in work, and no longer. */
int rootfs_open_work(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int rootfs_seal_work(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* A tmpfs of size bytes on path; mode in octal. With mode "700" it is the job's, else the set-up's. */
int rootfs_tmpfs(const struct setup *s, const char *path, const char *mode, uint64_t size,
		 struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
