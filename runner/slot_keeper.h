/* A slot and its keeper: the records of what it was lent, which a keeper to come revokes. */
#ifndef RUNNER_SLOT_KEEPER_H
#define RUNNER_SLOT_KEEPER_H

#include "runner/slot.h"

/* Listen on keeper_socket to what the keeper leaves. */
int slot_keeper_watch(struct slot *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Of a job that was taken over: find its keeper, if it has one that lives, and take its records. */
int slot_keeper_reach(struct slot *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The keeper has ended: what it said last is read, and what it left is given to another one. */
void slot_keeper_ended(struct slot *s) __attribute__((nonnull));

#endif
