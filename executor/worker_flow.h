/*
 * A workflow job that runs, for the files worker_flow*.c and worker_workflow.c: its steps in order, each
 * when its condition holds; what a step is (script, action) is a row of worker_flow_step.c.
 */
#ifndef EXECUTOR_WORKER_FLOW_H
#define EXECUTOR_WORKER_FLOW_H

#include "executor/annotation.h"
#include "executor/problem_matcher.h"
#include "executor/uses.h"
#include "executor/worker_action.h"
#include "executor/worker_step.h"
#include "executor/workflow.h"
#include "executor/workflow_value.h"

/* How a step, or what it consists of, ended. code 0 with nothing else: well. */
struct flow_end {
	int code; /* exit status, 128 + signal; 1 when there is none and it did not go well */
	bool timed_out, stopped;
	enum ending ending; /* whose fault, when it did not go well */
	char what[200];     /* in words; no secret that the log's masks do not find */
};

struct flow {
	struct worker *w;
	struct workflow x;                 /* the job's scope */
	unsigned serial;                   /* of the last process: names of files */
	unsigned masks;                    /* values that steps had masked */
	struct problem_matchers *matchers; /* NULL until the first */
	struct flow_post *posts;           /* the last one first */
	struct expr_value **states;        /* of each step of the job: what its pre left */
	unsigned remarks[ANNOTATION_ERROR + 1];
	char remark[200]; /* the first error that the step of the job remarked; "" none */
};

/* A step under way; the texts are evaluated. */
struct flow_step {
	struct flow *f;
	struct workflow *x;
	const struct job_run *job;
	size_t index;       /* in its scope */
	unsigned depth;     /* 0: a step of the job */
	uint64_t before_ms; /* on base/clock.h's clock: not later; 0 no limit */
	const char *title, *limit_text;
	bool carry_on;
	struct vars *vars;
	struct expr_value *outputs, *state;
	/* of an action */
	struct uses uses;
	const struct action_input *inputs;
	struct flow_end end;
};

/* Run the steps in order; depth 0 tells the journal of each. -1: the machine failed. */
struct flow_steps {
	const struct job_run *runs;
	size_t n;
	unsigned depth;
	uint64_t before_ms;
	const char *limit_text; /* of before_ms */
};
int flow_steps_run(struct flow *f, struct workflow *x, const struct flow_steps *steps,
		   struct flow_end *ret_end, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What went wrong, unless something did before: said to the log, kept in the step's end. */
void flow_fail(struct flow_step *s, enum ending ending, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull));

/* A remark about a place: counted, in the journal, the first error in the verdict. */
int flow_remark(struct flow *f, const struct annotation *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* "3 errors, 1 warning", said at the job's end if there are any. */
void flow_remarks_say(struct flow *f) __attribute__((nonnull));

/* The two kinds of step. show: what the log has in front. */
int flow_script_run(struct flow_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int flow_action_run(struct flow_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What an action does at the end of the job (worker_flow_post.c). */
struct flow_post {
	struct flow_post *next;
	struct flow_step *s;              /* as it was when the action ran */
	const struct job_text *condition; /* "" always */
	const char *place;                /* whose lines the condition's are */
	int (*run)(struct flow_step *s, void *arg, struct err *e);
	void *arg;
};
/* post is copied, but for next and s, which are set. */
int flow_post_add(struct flow_step *s, const struct flow_post *post, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int flow_posts_run(struct flow *f, struct err *e) __attribute__((nonnull, warn_unused_result));

/* What actions do before the first step (worker_flow_pre.c). */
int flow_pres_run(struct flow *f, struct err *e) __attribute__((nonnull, warn_unused_result));
int flow_action_pre(struct flow_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* All that a step has before its condition is evaluated. */
int flow_step_begin(struct flow_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The step's variables and the context env, anew. */
int flow_step_env(struct flow_step *s, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Its failure is the job's, if it is a step of the job that does not continue on error. */
void flow_blame(struct flow_step *s) __attribute__((nonnull));
/* Has the job been cancelled meanwhile. */
void flow_look_cancelled(struct flow *f) __attribute__((nonnull));

/* Lines of text to the log, at most that many bytes of it. */
void flow_show(struct flow *f, const char *text, size_t max) __attribute__((nonnull));

/* The job's outputs into the journal (worker_flow_outputs.c). */
int flow_outputs(struct flow *f, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
