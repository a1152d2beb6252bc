/* What the log of a job must never show: the job's own secrets, and what a step says later. */
#ifndef EXECUTOR_WORKER_MASKS_H
#define EXECUTOR_WORKER_MASKS_H

#include "base/err.h"

#include <stddef.h>

struct worker;

/* A list of values. */
struct mask {
	const char *p;
	size_t n;
	const struct mask *next;
};

/* Rebuild what the log masks from the job, the variables as they are now, and what was added. */
int worker_masks(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));

/* From the next byte on mask these too, in streams that are open as well. The values are copied. -1: they are
 * not masked. */
int worker_mask_add(struct worker *w, const struct mask *list, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
