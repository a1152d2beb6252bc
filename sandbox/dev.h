/* The kernel's own file systems as a job sees them: /dev, /proc, /sys. */
#ifndef SANDBOX_DEV_H
#define SANDBOX_DEV_H

#include "sandbox/setup.h"

/* Steps. /dev: null, zero, full, random, urandom, tty, and private pts and shm. */
int dev_mount(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /proc of the sandbox's own pid namespace, masked; no user namespace can be made from here on. */
int dev_proc(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /sys, read-only and masked, in a network namespace of its own; else none. */
int dev_sys(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* For a stage. The part of /dev that is the same in every sandbox. */
int dev_nodes(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The kernel lets a user namespace mount a /proc or a /sys only where one is in sight. These are of
 * namespaces that end with their maker: they show no process and no device, and lie under the
 * sandbox's own. */
int dev_kernel(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
