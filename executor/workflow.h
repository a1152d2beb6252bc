/*
 * What a workflow's texts mean for a job that runs: contexts, environments, conditions. Pure; it knows
 * no server and runs nothing. Memory is the job's arena.
 */
#ifndef EXECUTOR_WORKFLOW_H
#define EXECUTOR_WORKFLOW_H

#include "executor/expr.h"
#include "executor/vars.h"
#include "protocol/job_workflow.h"

/* What only the runner knows. No string is NULL. */
struct workflow_facts {
	const char *workspace, *temp, *runner_name, *event_path;
};

struct workflow {
	const struct job_workflow *job;
	struct arena *a;
	struct expr_value *contexts;
	const struct expr_value
		*env;           /* the workflow's and the job's; a step's comes on top of it */
	bool failed, cancelled; /* how the job stands */
};

/* Read the contexts and the environments of workflow and job. -1 with e: the place, and what is wrong
 * there. */
int workflow_open(struct workflow *x, const struct job_workflow *job,
		  const struct workflow_facts *facts, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* t with its expressions evaluated, as text. NULL with e naming the place in the workflow. */
const char *workflow_text(struct workflow *x, const struct job_text *t, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* An `if:`. */
int workflow_condition(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A value that is true or false, "" is false: continue-on-error. */
int workflow_flag(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* timeout-minutes in milliseconds, 0 none. */
int workflow_timeout(struct workflow *x, const struct job_text *t, uint64_t *ret_ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A step begins: the context env is the job's with the step's own in front, until the next call.
 * ret_vars gets GITHUB_*, RUNNER_* and all of that. */
int workflow_step_env(struct workflow *x, const struct job_env *own, struct vars *ret_vars,
		      struct err *e) __attribute__((nonnull, warn_unused_result));

/* github.event as JSON. */
int workflow_event(const struct workflow *x, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
