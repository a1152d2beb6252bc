/* One sandbox, from the request to an init that has been executed. */
#ifndef SANDBOX_ORDER_H
#define SANDBOX_ORDER_H

#include "sandbox/etc.h"
#include "sandbox/ns.h"
#include "sandbox/seccomp.h"
#include "sandbox/setup.h"
#include "sandbox/stage.h"

enum { ORDER_REPORT = 1024 };

/* What all are made with. */
struct order_means {
	int init; /* courser-init, sealed: no job can write what it runs as */
	struct etc_hidden hidden;
	struct stage stage;
};

/* A request, and what is made for it. */
struct order {
	uint64_t cookie;
	struct sandbox_spec spec;
	int fds[SANDBOX_FDS]; /* what the spec's indices count */
	unsigned nfds;
	struct setup setup;
	struct ns_child child;
	int init;    /* the worker's end of init's socket */
	int control; /* init's end */
	int sync, userns, mntns;
	char report[ORDER_REPORT]; /* what the child said: 'E' and an error, or 'N' and notes */
};

/* Nothing asked, nothing open. */
void order_init(struct order *o) __attribute__((nonnull));
/* Close what is open. Without its socket an init that nobody was given ends. */
void order_done(struct order *o) __attribute__((nonnull));

/* Open the binds of the spec as far as the spawner may; what it may not is left to who can. */
int order_sources(struct order *o, struct order_means *with, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether it needs nothing of its own in the root, which is read-only in a stage. */
bool order_fits_stage(const struct order *o) __attribute__((nonnull));

/* Make it: sources have been opened. -1: nothing of it runs. */
int order_make(struct order *o, struct order_means *with, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
