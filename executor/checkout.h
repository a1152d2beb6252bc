/* What a step that uses actions/checkout asks for: its inputs as the action reads them. Pure. */
#ifndef EXECUTOR_CHECKOUT_H
#define EXECUTOR_CHECKOUT_H

#include "base/arena.h"
#include "executor/sources.h"

/* An input as `with:` has it, evaluated. */
struct checkout_input {
	const char *name, *value;
};

/* own: the job's sources; server_url: below which repositories are found by their names. */
struct checkout_job {
	const struct job_sources *own;
	const char *repository, *server_url, *workspace;
	const struct checkout_input *inputs;
	size_t ninputs;
};

/* Strings are the inputs', the job's or the arena's. */
struct checkout {
	struct job_sources from; /* sha "": what ref stands for */
	struct sources_plan plan;
	enum fetch_whose whose;
	const char *tree;     /* absolute */
	bool keep_token;      /* asked for in so many words */
	bool says_persist;    /* one way or the other */
	const char *warnings; /* lines, each ended by '\n'; "" none */
};

/* -1 with e: an input cannot be so, or asks for what is not done (EOPNOTSUPP). */
int checkout_read(const struct checkout_job *job, struct arena *a, struct checkout *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
