/*
 * A job as the executor sees it: pure data, parsed once from what a forge sent and never checked again.
 *
 * Promise of every parser that makes one: no string is NULL (absent is ""), no array pointer is used
 * beyond its count, every number is in the range given here, every enum is one of its names. Strings
 * come from one arena and live as long as it does.
 */
#ifndef PROTOCOL_JOB_H
#define PROTOCOL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/job_files.h"
#include "protocol/job_image.h"

enum {
	JOB_TIMEOUT_MAX = 30 * 24 * 3600, /* seconds */
	JOB_TIMEOUT_DEFAULT = 7200,       /* seconds, when the forge names none */
	JOB_STEPS_MAX = 256,
	JOB_VARS_MAX = 20000,
	JOB_VARS_BYTES_MAX = 4 << 20, /* keys and values together */
	JOB_SECRETS_MAX = 512,
};

/* A variable. value may hold any byte but NUL. key is [A-Za-z_][A-Za-z0-9_]* or shown as it came: a
 * name that a shell cannot hold is passed in the environment all the same. */
struct job_var {
	const char *key, *value;
	bool public, masked;
	bool raw;  /* value is never expanded */
	bool file; /* the job gets the path of a file that holds value */
};

/* "script", "after_script", "release" …; name is [a-z0-9_-]+ or as it came, without control bytes. */
struct job_step {
	const char *name;
	const char *const *lines; /* the commands, in order; may hold newlines */
	size_t nlines;
	uint64_t timeout_ms; /* 0: none of its own */
	enum job_when when;
	bool allow_failure;
};

/* "pre_get_sources_script" or "post_get_sources_script". */
struct job_hook {
	const char *name;
	const char *const *lines;
	size_t nlines;
};

/* Where the sources come from. url has no user part and no password; token goes with it. */
struct job_sources {
	const char *url;          /* http or https; ssh without a password; any other is refused */
	const char *user, *token; /* for HTTP authentication; "" none */
	const char *ref;          /* branch or tag name, printable */
	const char *sha, *before_sha; /* 40 hex digits (64 where object_format is sha256) */
	const char *object_format;    /* "sha1" or "sha256" */
	const char *const *refspecs;  /* "+refs/heads/main:refs/remotes/origin/main", checked */
	size_t nrefspecs;
	unsigned depth;                          /* 0: whole history */
	bool is_tag, protected_ref, allow_fetch; /* allow_fetch: default strategy, else clone */
	bool by_step;                            /* a step of the job gets them, or none does */
	bool from_fork; /* a merge or pull request of another project, or perhaps one */
};

enum job_secret_source { JOB_SECRET_VAULT, JOB_SECRET_GITLAB, JOB_SECRET_OTHER };

/* One entry of "secrets". The strings are as the forge sent them: not yet expanded. */
struct job_secret {
	const char *name, *provider; /* the payload's key: "vault" …; "" none that is known */
	enum job_secret_source source;
	const char *url, *space; /* server address; namespace */
	const char *auth_name, *auth_path, *jwt, *role;
	const char *engine, *mount, *path, *field; /* "kv-v2", "kv-v1", "generic"; mount path */
	bool file;
};

struct job {
	uint64_t id, project_id, pipeline_id;    /* 1 …; pipeline_id 0 unknown */
	const char *token;                       /* the job's own; "" never */
	unsigned timeout_s;                      /* 1 .. JOB_TIMEOUT_MAX */
	const char *name, *stage, *project_path; /* "group/project" */
	double queue_s;                          /* time in the forge's queue, seconds; 0 unknown */
	struct job_sources sources;
	const struct job_var *vars;   /* in the forge's order: a later one wins */
	const struct job_step *steps; /* at least one */
	const struct job_hook *hooks;
	const struct job_secret *secrets;
	struct job_image image;
	const struct job_image *services;
	const struct job_credential *credentials;
	const struct job_artifact *artifacts;
	const struct job_cache *caches;
	const struct job_dependency *dependencies;
	/* features.token_mask_prefixes and .failure_reasons (GitLab); what the log must never show */
	const char *const *mask_prefixes, *const *failure_reasons, *const *masks;
	size_t nvars, nsteps, nhooks, nsecrets, nservices, nartifacts, ncaches, ndependencies;
	size_t ncredentials;
	size_t nmask_prefixes, nfailure_reasons, nmasks; /* how many there are of each */
	const struct job_workflow *workflow; /* job_workflow.h: in place of steps; NULL none */
	bool trace_sections, has_run; /* has_run: the "run" keyword is set: refused with words */
};

#endif
