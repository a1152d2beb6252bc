/* `courser run`: the daemon. It never parses a byte from the network: it gives slots to jobs, starts
 * the roles and answers for what they leave. */
#ifndef RUNNER_SUPERVISOR_H
#define RUNNER_SUPERVISOR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct supervisor_options {
	const char *config_path;
	const char *state_dir;        /* NULL: the configuration's, else the default */
	const char *const *overrides; /* KEY=VALUE */
	size_t noverrides;
};

/* Run until told to stop. 0: drained. -1: it could not start, or not go on; *ret_config tells whether
 * it is the configuration that is wrong: its lines have been written to standard error. */
int supervisor_run(const struct supervisor_options *o, bool *ret_config, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
