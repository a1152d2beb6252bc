/*
 * The `options:` of a container as docker's command line has them: what of it counts here, what is named and
 * has no effect, and what there is not. Pure; the text is a workflow's.
 */
#ifndef EXECUTOR_CONTAINER_OPTIONS_H
#define EXECUTOR_CONTAINER_OPTIONS_H

#include "base/arena.h"
#include "protocol/job.h"

enum { CONTAINER_WORDS = 128 };

/* How it is found out that a service is up. */
struct container_health {
	const char *command; /* for a shell of its image; "" nothing is asked */
	uint64_t interval_ms, timeout_ms, start_ms;
	unsigned retries; /* failures in a row that mean it will not be */
};

struct container_options {
	const char *user, *workdir, *platform, *entrypoint; /* "" not given */
	bool has_entrypoint;
	const struct job_var *env;
	const char *const *volumes; /* as they are written */
	const char *const *names;   /* more host names of it */
	size_t nenv, nvolumes, nnames;
	struct container_health health;
	const char *ignored; /* "--cpus, --memory"; "" none */
};

/* -1 with e (EINVAL): an option that there is not, or a value that is none of it. */
int container_options_parse(const char *text, struct arena *a, struct container_options *ret,
			    struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
