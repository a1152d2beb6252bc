/*
 * What the next job will need, made while nothing waits for it: a worker that is confined and waits for
 * its job, and a sandbox that lacks only the job's mounts (SANDBOX_PREPARE). Both are for one slot: its
 * ids. A job that finds neither has them made; nothing depends on a spare but time.
 */
#ifndef RUNNER_SPARE_H
#define RUNNER_SPARE_H

#include "base/loop.h"
#include "runner/role.h"
#include "runner/slot_job.h"

struct host;

struct spare {
	struct timer later;
	const struct slot_options *options; /* of the jobs that are expected */
	struct role worker;
	unsigned number; /* the slot that worker is for */
	int socket;      /* ours to it */
};

void spare_init(struct spare *s) __attribute__((nonnull));

/* Have them made in a moment, for jobs with these options, which are borrowed until the next call; a call
 * before that moment moves it: a burst of jobs is not held up. NULL: no more. */
void spare_expect(struct host *h, const struct slot_options *options) __attribute__((nonnull(1)));

/* Hand the waiting worker over, if it is for this slot: into *ret, which is watched from now on, and
 * with the socket to it. -1 (no error): there is none. */
int spare_take(struct host *h, unsigned number, struct role *ret) __attribute__((nonnull));

/* End what waits. */
void spare_done(struct host *h) __attribute__((nonnull));

#endif
