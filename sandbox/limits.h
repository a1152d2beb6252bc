/* Resource limits of a process and all that it starts. */
#ifndef SANDBOX_LIMITS_H
#define SANDBOX_LIMITS_H

#include "sandbox/setup.h"

/* Soft and hard limit, never above the hard limit that is there. 0 leaves what is inherited; core
 * dumps are always off. */
int limits_set(const struct sandbox_limits *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Step: the spec's limits. */
int limits_setup(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
