/* One step of a job as init starts it. */
#ifndef SANDBOX_STEP_H
#define SANDBOX_STEP_H

#include "base/msg.h"
#include "sandbox/sandbox.h"

#include <sys/types.h>

struct step {
	uint32_t id;
	const char *argv[SANDBOX_ARGS + 1];
	const char *cwd, *script_name; /* borrowed from the message */
	const char *home;              /* "HOME=…" for an environment that has none; NULL */
	int env, script, out, err;
};

/* Take a step out of SANDBOX_INIT_RUN; valid as long as the message. -1: malformed, nothing to
 * undo. */
int step_read(struct step *s, struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void step_done(struct step *s) __attribute__((nonnull));

/* Write its script, start it in a session of its own. The pid, or -1 with what was in the way. */
pid_t step_start(const struct step *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* What memfd holds becomes dir/name, anew: a file or link of that name is removed first. */
int step_write_file(const char *dir, const char *name, int memfd, mode_t mode, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
