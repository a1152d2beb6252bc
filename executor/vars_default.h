/* The variables that the runner itself adds to a job's, and the order of all of them. */
#ifndef EXECUTOR_VARS_DEFAULT_H
#define EXECUTOR_VARS_DEFAULT_H

#include "executor/vars.h"

/* What only the runner knows. Strings are never NULL; lists are lines. */
struct vars_facts {
	const char *builds_dir, *project_dir, *temp_dir; /* inside the sandbox */
	uint64_t concurrent_id, concurrent_project_id;
	unsigned timeout_s;
	const char *short_token, *version;
	const char *tls_ca;      /* content of the coordinator's CA bundle; "" none */
	const char *environment; /* "KEY=value" lines of the operator */
};

/*
 * In this order, so that a later one wins: feature flags, the operator's environment, the runner's
 * own (CI_BUILDS_DIR …), the job's, and last what a job cannot change (CI_DISPOSABLE_ENVIRONMENT,
 * CI_RUNNER_VERSION …). RUNNER_TEMP_PROJECT_DIR is where file variables are written.
 */
int vars_default(struct vars *v, const struct job *job, const struct vars_facts *f, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The operator's "K=V" lines, expanded like the job's own variables. */
int vars_environment(struct vars *v, const char *lines, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* PATH, HOME and what else a login has, where no image brings its own; whether a variable is one of those. */
int vars_login(struct vars *vars, struct err *e) __attribute__((nonnull, warn_unused_result));
bool vars_is_login(const char *key, const char *value) __attribute__((nonnull));

#endif
