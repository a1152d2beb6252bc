/*
 * The control socket STATE/ctl: what the commands say to a running daemon (base/msg).
 *
 * STATUS -> SLOTS… DONE; CANCEL {job, all, abort} -> DONE. Only root and the daemon's own user are
 * served. The daemon's half lives on its event loop and never blocks: a client that does not read is
 * dropped.
 */
#ifndef RUNNER_CONTROL_H
#define RUNNER_CONTROL_H

#include "base/loop.h"
#include "base/msg.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTROL_NAME "ctl"

/* A slot in use, or a job that the daemon answers for. Texts are "" for none. */
struct control_slot {
	uint32_t number;
	uint64_t job;
	const char *state;        /* "waiting", "running", "ending", "reporting" … */
	const char *registration; /* its name */
	const char *project;
	const char *phase;
	uint64_t ms; /* since it began */
};

/* --- the daemon's half -------------------------------------------------------------------------- */

struct control_reply;

/* What the daemon does when it is asked. */
struct control_ops {
	/* control_say for each slot in use. -1: e goes to the client. */
	int (*status)(void *arg, struct control_reply *r, struct err *e);
	/* Cancel the job (all: every one); abort: no after_script. How many there were; -1: e. */
	int (*cancel)(void *arg, uint64_t job, bool all, bool abort, struct err *e);
	void *arg;
};

struct control;

/* Add a slot to the answer. -1: the client is too slow; stop. */
int control_say(struct control_reply *r, const struct control_slot *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Listen in the state directory (an fd); a socket that an earlier daemon left is replaced: hold the
 * state's lock. ops is copied. NULL with e set. */
struct control *control_open(struct loop *l, int state, const struct control_ops *ops,
			     struct err *e) __attribute__((nonnull, warn_unused_result));
/* NULL is fine. The socket is removed. */
void control_close(struct control *c);

/* --- the commands' half ------------------------------------------------------------------------- */

/* Connect to the daemon of the state directory at path. -1: none runs (ENOENT, ECONNREFUSED). */
int control_connect(const char *path, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Ask for the slots: each is called for every one. -1: also what the daemon answered. */
int control_status(int sock, void (*each)(void *arg, const struct control_slot *s), void *arg,
		   struct err *e) __attribute__((nonnull(2, 4), warn_unused_result));

/* Cancel. How many jobs are being cancelled; -1 with the daemon's words. */
int control_cancel(int sock, uint64_t job, bool all, bool abort, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
