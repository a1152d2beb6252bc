/* The child's way into its sandbox: an ordered table of small steps. The order is the argument. */
#ifndef SANDBOX_SETUP_H
#define SANDBOX_SETUP_H

#include "sandbox/spec.h"

#include <sys/types.h>

struct etc_hidden;
struct seccomp_job;

enum { NOTES = 768, SETUP_GROUPS = 32 };

/* What the steps know of each other. Filled by the spawner before the child is cloned. */
struct setup {
	const struct sandbox_spec *spec;
	struct sandbox_spec *resolved; /* the same: what an image decides is put there */
	gid_t groups[SETUP_GROUPS];    /* of the job, beside its own */
	size_t ngroups;
	const int *fds;            /* what the spec's indices count */
	int sync;                  /* socket to the spawner: a byte comes when the ids are mapped */
	int root;                  /* the new root, once mounted */
	int trees[SANDBOX_MOUNTS]; /* detached mounts, sources of the binds; -1 not opened yet */
	int layers, upper;         /* of an image, as trees */
	bool staged;               /* cloned from within a stage: what is there is not made anew */
	const struct etc_hidden *hidden;
	const struct seccomp_job *seccomp; /* the filters of the spec's profile */
	int listener;                      /* of the filter, once it is there; -1 */
	char notes[NOTES];                 /* what degraded, a line each */
};

struct setup_step {
	const char *name;
	int (*run)(struct setup *s, struct err *e);
};

/* The steps in the order in which they are run, *ret_n of them. */
const struct setup_step *setup_steps(size_t *ret_n) __attribute__((nonnull, returns_nonnull));

/* Run them all. -1 with e naming the step. */
int setup_enter(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Add a line to the notes; one that does not fit is left out. */
void setup_note(struct setup *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));

#endif
