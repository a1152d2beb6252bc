/*
 * A job of a workflow (GitHub Actions, Gitea, Forgejo) as data: its steps in order, the texts of
 * expressions as they stand, the contexts as JSON. What runs it is the executor's workflow engine, which
 * knows no server. Promises as in job.h: no string is NULL, absent is "".
 */
#ifndef PROTOCOL_JOB_WORKFLOW_H
#define PROTOCOL_JOB_WORKFLOW_H

#include <stdbool.h>
#include <stddef.h>

/* A text that may hold ${{ expressions }}, and where it stands in the workflow, from 1; line 0: it is
 * not there. */
struct job_text {
	const char *text;
	unsigned line, col;
};

/* A member of an `env:`. */
struct job_pair {
	const char *key;
	struct job_text value;
};

struct job_env {
	const struct job_pair *pairs;
	size_t n;
};

/* A step: run, or uses and with. */
struct job_run {
	const char *id;
	struct job_text name, run, uses, condition, shell, directory, timeout, carry_on;
	struct job_env env, with;
	unsigned line, col;
};

/* "github" and its JSON. */
struct job_context {
	const char *name, *json;
};

/* `container:`, or one of `services:`. The texts may hold expressions. */
struct job_container {
	const char *id;        /* its key in services; "" it is the job's own */
	struct job_text image; /* line 0: there is none */
	struct job_text options, user, password;
	struct job_env env;
	const struct job_text *ports, *volumes;
	size_t nports, nvolumes;
};

struct job_workflow {
	const char *name;                             /* of the workflow; "" none */
	struct job_text condition, timeout, carry_on; /* of the job */
	struct job_text shell, directory; /* defaults.run, the job's before the workflow's */
	struct job_env env[2];            /* the workflow's, the job's */
	struct job_env outputs;
	struct job_container container;
	const struct job_container *services;
	size_t nservices;
	const char *const *runs_on; /* the labels it asks for */
	size_t nruns_on;
	const struct job_run *runs;
	size_t nruns;
	const struct job_context *contexts;
	size_t ncontexts;
	/* Repositories by "owner/name" are below these addresses, without a slash at their end: those of
	 * the server, and actions. */
	const char *server_url, *actions_url;
	const char *refusal; /* what cannot be done, with its place; "" nothing */
};

#endif
