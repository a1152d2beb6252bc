/*
 * A job's sources, from the worker's side: what the job asks for, and getting it with a fetcher and
 * a packer that the caller's callbacks provide. Knows neither the gate nor the forge.
 */
#ifndef EXECUTOR_SOURCES_H
#define EXECUTOR_SOURCES_H

#include "base/arena.h"
#include "base/buf.h"
#include "executor/fetch.h"
#include "executor/say.h"
#include "executor/vars.h"
#include "protocol/job.h"

#include <stdbool.h>
#include <stdint.h>

/* FILES: those of the commit, in a tree that is no repository: not one that a job can name. */
enum sources_strategy {
	SOURCES_FETCH,
	SOURCES_CLONE,
	SOURCES_NONE,
	SOURCES_EMPTY,
	SOURCES_FILES,
};
enum sources_modules { MODULES_NONE, MODULES_NORMAL, MODULES_RECURSIVE };

/* What the job's variables ask for. Strings live in the arena of sources_plan. */
struct sources_plan {
	enum sources_strategy strategy;
	enum sources_modules modules;
	bool checkout;      /* GIT_CHECKOUT */
	bool kept;          /* wants the tree of the last job: strategy none, GIT_CLEAN_FLAGS */
	bool force_https;   /* GIT_SUBMODULE_FORCE_HTTPS */
	unsigned attempts;  /* GET_SOURCES_ATTEMPTS, 1..10 */
	bool tags;          /* GIT_FETCH_EXTRA_FLAGS says --tags */
	unsigned depth;     /* GIT_DEPTH, for the log's line */
	const char *sparse; /* executor/pack.h; NULL all */
	const char *clean;  /* GIT_CLEAN_FLAGS; "" the default */
	const char *const *module_paths; /* GIT_SUBMODULE_PATHS; none: all */
	size_t nmodule_paths;
	bool offline;         /* ask no server; FILES only */
	bool hasty;           /* only what may pass by itself is tried again */
	const char *warnings; /* lines joined by '\n', for the one warning before the first stage */
};

/* From resolved variables. Bad values fall back with a line in warnings, as GitLab's runner does;
 * -1 where it fails the job (unknown clean flag, unknown submodule strategy, GIT_SUBMODULE_PATHS
 * with nothing but exclusions): e says what to write instead. */
int sources_plan(const struct job *job, const struct vars *vars, struct arena *a,
		 struct sources_plan *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * tree, objects: paths as the job sees them ("/builds/group/project", "/run/mirror/objects": the
 * objects of the job's own mirror are there, read-only).
 * fetcher: the socket of a fetcher whose mirror is that of url, whose it is;
 * the fd is sources_get's. Called again for each attempt and each submodule. packer: the same.
 * interrupted: called when watch_fd (-1 none) is readable; true ends sources_get with ECANCELED.
 */
struct sources_job {
	const struct job_sources *from;
	const struct sources_plan *plan;
	const char *tree, *objects;
	enum fetch_whose whose; /* objects are those of the job's own */
	bool on_branch;         /* HEAD is on the branch that the ref names */
	const char *include;    /* executor/pack.h; NULL none */
	bool tree_kept;         /* what is at tree was left by an earlier job */
	uint64_t deadline_ms;   /* clock_ms() time; 0 none */
	say_fn *say;
	int (*fetcher)(void *arg, const char *url, enum fetch_whose whose, struct err *e);
	int (*packer)(void *arg, struct err *e);
	bool (*interrupted)(void *arg);
	/* Copy the tree of sources_snapshot_key() to `tree`; NULL: there is none. */
	int (*copy)(void *arg, struct err *e);
	/* The commit was on the machine, its tree was not: refs is borrowed. NULL: nobody wants to know. */
	void (*offer)(void *arg, int refs);
	int watch_fd;
	void *arg; /* of all callbacks */
	char sha[FETCH_SHA],
		ref[FETCH_REF];   /* out: what from's ref stands for, if sha is not there */
	enum sources_fault fault; /* out: why it failed */
	bool hit;                 /* out: the commit was on the machine */
	unsigned requests;        /* out: conversations with servers */
};

/*
 * The name of the tree that a job gets if all it asks for is a fresh tree of its commit: all jobs
 * with this name, of one project and trust, get the same bytes. "" when it asks for more.
 */
enum { SOURCES_KEY = 40 + 1 + 16 + 1 };
void sources_snapshot_key(const struct job *job, const struct sources_plan *plan,
			  char ret[SOURCES_KEY]) __attribute__((nonnull));

/* Fetch, check out, clean, submodules; for the strategies none and empty what they do. Tries
 * plan->attempts times with growing pauses. -1 with s->fault and e set; e ends with what a person
 * can do. */
int sources_get(struct sources_job *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Remove the tree from within the sandbox, by a packer. */
int sources_remove(struct sources_job *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
