/* The rights of a slot's job, decided when its sandbox is asked for. */
#ifndef RUNNER_SLOT_PROFILE_H
#define RUNNER_SLOT_PROFILE_H

#include "runner/profile.h"
#include "runner/slot.h"

enum { SLOT_PROFILE_TEXT = 1024 };

/*
 * Choose by the facts, and write them beside the journal for a supervisor to come. From then on s->options are the
 * job's own, if a profile fits: they live until slot_profile_done. -1: the job must not run.
 */
int slot_profile_choose(struct slot *s, const struct profile_facts *f, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same from what an earlier supervisor wrote; nothing when it wrote nothing. */
int slot_profile_again(struct slot *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* What the job's log says about it, lines; "" nothing. */
const char *slot_profile_text(const struct slot *s) __attribute__((nonnull, returns_nonnull));

void slot_profile_done(struct slot *s) __attribute__((nonnull));

#endif
