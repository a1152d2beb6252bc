/* An image as the root file system: its unpacked layers, read-only, below a layer of the job's own. */
#ifndef SANDBOX_IMAGE_ROOT_H
#define SANDBOX_IMAGE_ROOT_H

#include "sandbox/setup.h"

/* For the spawner, who calls it first: open the layers' directory and the upper one, and let the kernel
 * show the layers' ids as the job's where they are others. What an ordinary user may not open here is left
 * to the child. */
int image_open_sources(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
void image_close_sources(struct setup *s) __attribute__((nonnull));

/* Steps. */
int image_open(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int image_mount(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Who the job is: looked up in the image; the spawner is told. */
int image_user(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /etc/hosts, hostname and resolv.conf are ours. */
int image_etc(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /tmp, and where scripts are put. */
int image_private(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* /dev becomes read-only; the rest is the job's. */
int image_seal(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
