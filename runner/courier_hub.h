/* What the parts of the courier share: the loop, the supervisor's socket, free slots, counters. */
#ifndef RUNNER_COURIER_HUB_H
#define RUNNER_COURIER_HUB_H

#include "base/loop.h"
#include "runner/courier.h"

#include <stdbool.h>
#include <stdint.h>

struct courier_site;
struct courier_task;
struct courier_once;

enum { HUB_CALLS = 8, HUB_CLASSES = 6 };

struct courier_hub {
	struct loop *loop;
	int sock; /* the supervisor */
	struct courier_site *sites;
	struct courier_task *tasks;
	struct courier_once *onces;
	uint32_t slots;  /* as CAPACITY said */
	uint64_t seen;   /* of which JOBs up to this one are counted */
	uint64_t cookie; /* the last JOB's */
	bool drain, over;
	struct timer settle; /* a moment after a job's call: what that needed is given back */
	uint64_t told_ms;    /* when they were last told: */
	uint64_t counts[HUB_CALLS]
		       [HUB_CLASSES]; /* requests by call and status class, not yet told */
};

/* Tell the supervisor; waits for room for a while. A supervisor that never reads is no supervisor:
 * the hub is over then. */
void hub_send(struct courier_hub *h, enum courier_type type, const void *what)
	__attribute__((nonnull));

/* Jobs that may still be taken. */
uint32_t hub_free(const struct courier_hub *h) __attribute__((nonnull));

/* What was asked of a forge, for counting. */
enum hub_call { HUB_POLL, HUB_ACCEPT, HUB_TRACE, HUB_ALIVE, HUB_FINAL, HUB_RUNNER };
void hub_count(struct courier_hub *h, enum hub_call call, int status) __attribute__((nonnull));

/* Send what was counted as STATs, unless that was done a moment ago; called where something is sent
 * anyway, so it wakes nobody. */
void hub_tell_counts(struct courier_hub *h) __attribute__((nonnull));

#endif
