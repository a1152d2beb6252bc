/* Starting our own roles: an executable each, an explicit fd table, ids to become in argv. */
#ifndef RUNNER_ROLE_H
#define RUNNER_ROLE_H

#include "base/loop.h"
#include "base/proc.h"
#include "runner/priv.h"

/* A role that runs, watched by its pidfd. Lives in its owner. */
struct role {
	const char *name;
	struct proc proc;
	struct source exit;
	struct loop *loop;
	void (*ended)(struct role *r, int status); /* it has been reaped */
};

struct role_start {
	const char *name;        /* "worker": the executable courser-worker beside our own */
	const char *ids;         /* priv_role_text, or "-" */
	const char *const *args; /* further arguments, ended by NULL; NULL none. Never a secret. */
	const int *fds;          /* fd 3 and on */
	unsigned nfds;
};

/* Start it below libexec (proc_libexec). ended is called once, from the loop. */
int role_start(struct role *r, struct loop *l, int libexec, const struct role_start *s,
	       struct err *e) __attribute__((nonnull, warn_unused_result));

/* Watch a process that is not our child, by its pidfd, which is taken. Its status stays unknown. */
int role_adopt(struct role *r, const char *name, struct loop *l, int pidfd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* It is another owner's from now on, who has said in to->ended what its end means. -1: from still is it. */
int role_move(struct role *from, struct role *to, struct err *e)
	__attribute__((nonnull, warn_unused_result));

bool role_runs(const struct role *r) __attribute__((nonnull));
void role_signal(const struct role *r, int sig) __attribute__((nonnull));

/* Stop watching it and forget it; it goes on by itself. */
void role_forget(struct role *r) __attribute__((nonnull));

#endif
