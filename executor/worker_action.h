/*
 * Steps that use an action in place of a script: who runs which. A step's `uses:` is looked up in the
 * table of built-in actions, then in the table of kinds (worker_uses.c); what has no row there is
 * refused before the job begins.
 */
#ifndef EXECUTOR_WORKER_ACTION_H
#define EXECUTOR_WORKER_ACTION_H

#include "executor/uses.h"
#include "executor/vars.h"
#include "executor/worker.h"
#include "executor/workflow.h"

struct flow_step;

struct action_input {
	const char *name, *value; /* as `with:` has it, evaluated */
};

/* A step under way that uses an action. */
struct action_step {
	struct worker *w;
	struct workflow *x; /* the contexts as the step has them; workflow_text, workflow_github */
	const struct job_run *run;
	struct flow_step *step; /* for the engine's own */
	struct uses uses;
	const struct action_input *inputs;
	size_t ninputs;
	const struct vars *vars; /* the step's environment */
	uint64_t before_ms;      /* on base/clock.h's clock: not later; 0 no limit */
	struct expr_value *outputs;
	/* result: 0 success; what went wrong is said to the log by who runs it; stopped: the job is to end */
	int code;
	bool stopped;
};

/* The value of that input, in any case; "" when it is not there. */
const char *action_input(const struct action_step *s, const char *name)
	__attribute__((nonnull, returns_nonnull));

/* steps.ID.outputs.NAME. */
int action_output(struct action_step *a, const char *name, const char *value, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* How an action is run: 0 it ran, see its code; -1 with e: the machine could not. */
typedef int action_run(struct action_step *s, struct err *e);

/* An action of ours in place of the one of that name, whatever its ref. */
struct action_builtin {
	const char *name; /* "actions/checkout", in any case */
	action_run *run;
	action_run *post; /* at the end of the job, in reverse order; NULL none */
};

/* actions/checkout (worker_checkout.c). */
action_run worker_checkout;

/* The table (worker_builtin.c), ended by a row without a name. */
extern const struct action_builtin action_builtins[];

/* Run the action that the step uses, which is below root as it is seen within: by its action.yml. */
int worker_action_at(struct action_step *a, const char *root, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* … of the workspace. */
action_run worker_action_local;
/* docker://image (worker_flow_call.c). */
action_run worker_action_image;
/* What can be known before the first step of the action u, which is below root: that it cannot be run, or that its
 * image is here. What else is wrong is said when its step is reached. */
int worker_action_prepare(struct worker *w, const struct uses *u, const char *root, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Before the first step: the verdict is set (-1) if a step uses what there is not. */
int worker_uses_check(struct worker *w) __attribute__((nonnull, warn_unused_result));

/* Before the first step, with the sandbox there: have what the steps use. The same. */
int worker_uses_prepare(struct worker *w) __attribute__((nonnull, warn_unused_result));

/* What the action of a step does before the first one, if anything. */
int worker_uses_pre(struct action_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int worker_action_pre(struct action_step *a, const char *root, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whose fault an error of that code is (executor/worker_remote.h). */
enum ending worker_uses_ending(int code);

/* Run s by who is responsible. -1 (EOPNOTSUPP): nobody is. */
int worker_uses_run(struct action_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
