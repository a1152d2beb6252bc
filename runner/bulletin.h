/* What the daemon tells about itself: metrics, ledger rows and readiness to the recorder, slots to
 * `courser status`. Nothing here decides anything. */
#ifndef RUNNER_BULLETIN_H
#define RUNNER_BULLETIN_H

#include "runner/control.h"
#include "runner/intake.h"
#include "runner/recorder_link.h"

enum bulletin_state {
	BULLETIN_OFFERED,
	BULLETIN_WAITING,
	BULLETIN_RUNNING,
	BULLETIN_ENDING,
	BULLETIN_REPORTING,
	BULLETIN_STATES
};

/* A registration's last word; rows of the registry have the same index. */
struct bulletin_health {
	uint32_t idx;
	bool told, ok;
	uint64_t ok_s; /* since 1970 */
};

struct bulletin {
	struct recorder_link *recorder; /* NULL before it is open */
	const struct intake *intake;
	struct bulletin_health *health;
	size_t nhealth;
	unsigned jobs[BULLETIN_STATES]; /* as last told */
	bool reload_ok, ready;
	uint64_t reload_s; /* of the last good configuration */
	const char *text;  /* of the readiness, as last told; NULL: never */
};

void bulletin_init(struct bulletin *b, const struct intake *in) __attribute__((nonnull));
/* Start the recorder; a listen address that cannot be had is an error. */
int bulletin_open(struct bulletin *b, struct host *h, const char *listen, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void bulletin_close(struct bulletin *b) __attribute__((nonnull));

/* Slots, reports, draining: tell what differs from what was told. */
void bulletin_changed(struct bulletin *b) __attribute__((nonnull));
/* A configuration was read, a good one or not. */
void bulletin_reloaded(struct bulletin *b, bool ok) __attribute__((nonnull));
void bulletin_health(struct bulletin *b, const struct courier_health *from)
	__attribute__((nonnull));
void bulletin_started(struct bulletin *b, const struct slot_label *l) __attribute__((nonnull));
void bulletin_ended(struct bulletin *b, const char *name, const struct slot_label *l,
		    const struct slot_result *r) __attribute__((nonnull));
void bulletin_restarted(struct bulletin *b, const char *role) __attribute__((nonnull));

/* Every job that is here, for control_ops.status. */
int bulletin_status(const struct bulletin *b, struct control_reply *to, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
