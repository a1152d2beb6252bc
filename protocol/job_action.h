/*
 * An action of a workflow (action.yml) as data: its inputs, and what runs it. Promises as in job.h: no
 * string is NULL, absent is "".
 */
#ifndef PROTOCOL_JOB_ACTION_H
#define PROTOCOL_JOB_ACTION_H

#include "protocol/job_workflow.h"

enum job_action_kind { JOB_ACTION_NODE, JOB_ACTION_COMPOSITE, JOB_ACTION_IMAGE };

struct job_input {
	const char *name, *deprecation; /* deprecation: what who gives it is told */
	struct job_text value;          /* default */
	bool required;
};

struct job_action {
	enum job_action_kind kind;
	const char *name, *using; /* "node20" */
	const struct job_input *inputs;
	size_t ninputs;
	struct job_env outputs;     /* COMPOSITE */
	const struct job_run *runs; /* COMPOSITE: each script has its shell */
	size_t nruns;
	/* NODE: files beneath the action, without ".."; IMAGE: pre and post are entrypoints */
	struct job_text main, pre, post;
	const char *image;          /* IMAGE: its name */
	struct job_text entrypoint; /* IMAGE: line 0 its own */
	const struct job_text *args;
	struct job_env env;
	size_t nargs;
	struct job_text pre_if, post_if;
	const char *refusal; /* what cannot be done, with its place; "" nothing */
};

#endif
