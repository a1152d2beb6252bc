/*
 * What a workflow's texts mean for a job that runs: contexts, environments, conditions. Pure; it knows
 * no server and runs nothing. Memory is the job's arena.
 *
 * A scope is where steps see each other: the job is one, and so is each composite action that runs.
 */
#ifndef EXECUTOR_WORKFLOW_H
#define EXECUTOR_WORKFLOW_H

#include "executor/expr.h"
#include "executor/vars.h"
#include "protocol/job_workflow.h"

enum { WORKFLOW_TEXT_MAX = 1 << 20 }; /* of a job's output, and of all of them together */

/* What only the runner knows. No string is NULL. */
struct workflow_facts {
	const char *workspace, *temp, *runner_name, *event_path;
};

/* What all scopes of a job share. */
struct workflow_shared {
	const struct expr_value *env; /* the workflow's, the job's, then what GITHUB_ENV added */
	const char *path;             /* of GITHUB_PATH: directories, each with ':' behind it */
	bool cancelled, debug;
	const struct expr_value *container, *services; /* of the context job; NULL none */
	/* As in expr_scope; NULL: hashFiles is an error. */
	int (*hash_files)(void *hasher, const struct expr_patterns *p, char ret[65], struct err *e);
	void *hasher;
};

struct workflow {
	const struct job_workflow *job;
	struct arena *a;
	struct workflow_shared *all;
	struct expr_value *contexts, *steps, *github;
	const struct expr_value *outer; /* env of the steps that use this action */
	const struct expr_value *own;   /* … and of the step under way */
	const char *place;              /* whose lines errors count: "the workflow" */
	bool failed;                    /* a step of this scope */
	bool unmet;                     /* a job that it needs did not succeed */
};

/* Read the contexts and the environments of workflow and job. -1 with e: the place, and what is wrong
 * there. */
int workflow_open(struct workflow *x, const struct job_workflow *job,
		  const struct workflow_facts *facts, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The scope of an action that a step of outer uses: its inputs, where it is, whose lines it is. It has no
 * secrets. env of the step under way is beneath that of its own steps. */
struct workflow_entry {
	const struct expr_value *inputs;
	const char *path, *place;
};
int workflow_enter(struct workflow *x, const struct workflow *outer,
		   const struct workflow_entry *by, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* t with its expressions evaluated, as text. NULL with e naming the place. */
const char *workflow_text(struct workflow *x, const struct job_text *t, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* An `if:`. */
int workflow_condition(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The `if:` of the job: it is about the jobs that it needs. */
int workflow_job_condition(struct workflow *x, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A value that is true or false, "" is false: continue-on-error. */
int workflow_flag(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* timeout-minutes in milliseconds, 0 none. */
int workflow_timeout(struct workflow *x, const struct job_text *t, uint64_t *ret_ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A step begins: github.action is action, the context env the job's with the step's own in front, until
 * the next call. ret_vars, which holds what there is without a workflow, gets GITHUB_*, RUNNER_* and all of that. */
int workflow_step_env(struct workflow *x, const struct job_run *run, const char *action,
		      struct vars *ret_vars, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A member of github as text, "" when it is not there. */
const char *workflow_github(const struct workflow *x, const char *key)
	__attribute__((nonnull, returns_nonnull));
/* It becomes that, in this scope. */
int workflow_set_github(struct workflow *x, const char *key, const char *value, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* How a step ended: steps.ID, if it has one. */
struct workflow_ended {
	const struct expr_value *outputs;
	const char *outcome, *conclusion; /* "success", "failure", "cancelled", "skipped" */
};
int workflow_step_ended(struct workflow *x, const char *id, const struct workflow_ended *by,
			struct err *e) __attribute__((nonnull, warn_unused_result));

/* From the next step on, in all scopes: what GITHUB_ENV and GITHUB_PATH say. */
int workflow_add_env(struct workflow *x, const char *name, const char *value, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int workflow_add_path(struct workflow *x, const char *directory, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* github.event as JSON. */
int workflow_event(const struct workflow *x, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
