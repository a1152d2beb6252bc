/* The jobs of the forges: from the courier's offer to a slot, from the slot's end to the forge's
 * acknowledgement; and the jobs that an earlier supervisor left behind. */
#ifndef RUNNER_INTAKE_H
#define RUNNER_INTAKE_H

#include "runner/courier_link.h"
#include "runner/disk_floor.h"
#include "runner/offers.h"
#include "runner/registry.h"
#include "runner/reports.h"
#include "runner/slot_end.h"

/* What happened, for metrics and ledger. NULL members are not called. */
struct intake_ops {
	void (*started)(void *arg, const struct slot *s);
	/* once the verdict stands; also of jobs of an earlier life */
	void (*ended)(void *arg, const char *name, const struct slot_label *l,
		      const struct slot_result *r);
	void (*restarted)(void *arg, const char *role); /* it had ended on its own */
	void (*changed)(void *arg); /* slots, reports: somebody may be waiting for none */
};

struct intake {
	/* what else the courier says; NULL: not interested */
	void (*token)(struct intake *in, const struct courier_token *t);
	void (*health)(struct intake *in, const struct courier_health *h);
	void (*stat)(struct intake *in, const struct courier_stat *s);
	struct host *host;
	struct courier_link courier;
	struct registry *registry; /* in force */
	struct reports reports;
	struct disk_floor floor;
	const struct intake_ops *ops;
	void *arg;
	struct offer *offers; /* the courier's, that wait for a slot: the oldest first */
	uint64_t seen;        /* the last cookie of the courier */
	uint64_t adopted;     /* cookies of our own */
	bool draining, up;
};

/* Take over what an earlier life left, then start the courier. */
int intake_open(struct intake *in, struct err *e) __attribute__((nonnull, warn_unused_result));
void intake_close(struct intake *in) __attribute__((nonnull));

/* Another registry is in force. */
void intake_reload(struct intake *in, struct registry *next) __attribute__((nonnull));

/* No new jobs from now on. */
void intake_drain(struct intake *in) __attribute__((nonnull));

/* Jobs that run, or whose end the forge does not know yet. */
unsigned intake_busy(const struct intake *in) __attribute__((nonnull));

/* Tell the courier how many more jobs may come. */
void intake_capacity(struct intake *in) __attribute__((nonnull));

/* intake_adopt.c: look through STATE/jobs. */
int intake_adopt(struct intake *in, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Tell a new courier of every job that it does not know. */
void intake_tell(struct intake *in) __attribute__((nonnull));

/* The slot of the job, NULL none. */
struct slot *intake_slot(const struct intake *in, uint64_t cookie) __attribute__((nonnull));
/* Tell the owner how a job ended, from its events. */
void intake_ended(struct intake *in, const char *name, const struct slot_label *l, int events)
	__attribute__((nonnull));
/* slot.over of every forge job. */
void intake_over(struct slot *s) __attribute__((nonnull));

#endif
