/* What holds the limits of a slot's job: a cgroup where one is delegated, else samples and words. */
#ifndef RUNNER_SLOT_LIMITS_H
#define RUNNER_SLOT_LIMITS_H

#include "runner/slot.h"

/*
 * The sandbox is made, and nothing of the job runs in it yet: put its init into a group with the limits. Returns
 * whether a cgroup holds the memory: then files are open, for the worker, and are the caller's. Else they are not,
 * and what that means is added to notes, a line each.
 */
bool slot_limits_set(struct slot *s, int files[USAGE_FILES], char *notes, size_t size)
	__attribute__((nonnull));

/* One more sandbox of the job, where a group holds its limits: its init is behind the pidfd. */
void slot_limits_join(struct slot *s, int pidfd) __attribute__((nonnull));

/* All of the job has ended. */
void slot_limits_end(struct slot *s) __attribute__((nonnull));

#endif
