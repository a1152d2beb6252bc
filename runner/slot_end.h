/* How a slot's job ends: the worker first, its helpers, then the proof that the journal is whole. */
#ifndef RUNNER_SLOT_END_H
#define RUNNER_SLOT_END_H

#include "executor/denials.h"
#include "runner/slot.h"

/* role_start's ended callbacks. */
void slot_worker_ended(struct role *r, int status) __attribute__((nonnull));
void slot_helper_ended(struct role *r, int status) __attribute__((nonnull));

/* The last verdict of a journal, from its events file. found is false when it has no "end". */
struct slot_result {
	bool found;
	char state[16], reason[64], fault[16], text[1500];
	int exit_code;
	uint64_t ms[PHASES + 1]; /* the last is the total */
	bool timed[PHASES + 1];
	struct denials denied;
	struct {
		char by[16];
		uint64_t memory, cpu_us, processes; /* 0: not known */
	} used;
};
int slot_result(int events, struct slot_result *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Some room on the disk, kept in the directory dir of a job for its last words. */
int slot_reserve(int dir, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Close the journal in the directory dir of a job whose worker is gone, with a verdict for it. */
int slot_write_lost(int dir, const char *why, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
