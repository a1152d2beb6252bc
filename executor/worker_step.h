/* One step of a job: a shell in the sandbox, its output, its end. */
#ifndef EXECUTOR_WORKER_STEP_H
#define EXECUTOR_WORKER_STEP_H

#include "executor/output_lines.h"
#include "executor/worker.h"

struct worker_step {
	const char *name;
	const char *const *lines;
	size_t nlines;
	uint64_t timeout_ms; /* 0 none */
	enum stop until;     /* what ends it */
	/* in place of lines in GitLab's frame: a script as it is, what runs it ("{0}" is its path;
	 * ended by NULL), where, with which variables */
	const char *script, *const *argv, *cwd;
	const char *suffix; /* of the script's file name; NULL none */
	const struct vars *vars;
	const struct output_reader
		*reader; /* of its output; `to` is a struct joblog_stream; NULL none */
	bool hooks;      /* the operator's pre_build and post_build scripts belong to it */
	/* result */
	int code; /* exit status, 128 + signal */
	bool timed_out, stopped;
	char last_command[128];
};

/* The write of an output_reader. */
int worker_step_write(void *to, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Run it to its end. 0: it ran, see the result; -1: it could not be run: ENOEXEC when it could not be
 * started within, E2BIG when its environment is too large. */
int worker_step_run(struct worker *w, struct worker_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
