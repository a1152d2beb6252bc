/* Landlock, as much of it as the kernel knows: a second list of what may be opened. */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "sandbox/setup.h"

#include <stdbool.h>
#include <stdint.h>

enum landlock_right {
	LANDLOCK_READ = 1,
	LANDLOCK_WRITE =
		2, /* everything below it, renames from one directory to another included */
	LANDLOCK_EXEC = 4,
	LANDLOCK_DEVICES = 8, /* write to what exists, and ioctl */
};

struct landlock {
	int fd; /* -1: this kernel has none that is of use */
	int abi;
	uint64_t handled;
};

/* A ruleset that handles all that the kernel can. network: TCP stays allowed. -1 only when the
 * kernel has Landlock and it fails; an absent one, and ABI 1, which would forbid every rename
 * between directories, leave fd at -1. */
int landlock_new(struct landlock *l, bool network, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Allow rights (enum landlock_right) on what the O_PATH fd holds and all below it. */
int landlock_allow(const struct landlock *l, int fd, unsigned rights, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Restrict this process. Closes l->fd in any case. */
int landlock_apply(struct landlock *l, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Step: read and execute everywhere, write where the job may. */
int landlock_setup(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
