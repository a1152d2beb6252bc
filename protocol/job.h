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

enum {
	JOB_TIMEOUT_MAX = 30 * 24 * 3600,      /* seconds */
	JOB_TIMEOUT_DEFAULT = 7200,            /* seconds, when the forge names none */
	JOB_STEPS_MAX = 256,
	JOB_VARS_MAX = 20000,
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

enum job_when { JOB_ON_SUCCESS, JOB_ON_FAILURE, JOB_ALWAYS };

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
	const char *url;         /* http, https, ssh or file is refused by the parser; never NULL */
	const char *user;        /* for HTTP authentication, "gitlab-ci-token"; "" none */
	const char *token;       /* "" none */
	const char *ref;         /* branch or tag name, printable */
	const char *sha;         /* 40 hex digits (64 where object_format is sha256) */
	const char *before_sha;
	const char *object_format; /* "sha1" or "sha256" */
	bool is_tag;
	const char *const *refspecs; /* "+refs/heads/main:refs/remotes/origin/main", checked */
	size_t nrefspecs;
	unsigned depth;          /* 0: whole history */
	bool protected_ref;
	bool allow_fetch;        /* default strategy: fetch, else clone */
};

enum job_secret_source { JOB_SECRET_VAULT, JOB_SECRET_GITLAB, JOB_SECRET_OTHER };

/* One entry of "secrets". The strings are as the forge sent them: not yet expanded. */
struct job_secret {
	const char *name;
	enum job_secret_source source;
	const char *provider;  /* the key of the payload: "vault", "gcp_secret_manager" … */
	const char *url, *space; /* server address; namespace */
	const char *auth_name, *auth_path, *jwt, *role;
	const char *engine, *mount; /* "kv-v2", "kv-v1", "generic"; mount path */
	const char *path, *field;
	bool file;
};

struct job_image {
	const char *name; /* "" when the job asks for none */
};

struct job_artifact {
	const char *name, *type;
	const char *const *paths;
	size_t npaths;
	bool untracked;
	enum job_when when;
};

struct job_cache {
	const char *key;
	const char *const *paths;
	size_t npaths;
	bool untracked;
};

struct job_dependency {
	uint64_t id;
	const char *name;
	const char *file; /* "" when it has no artifacts */
};

struct job {
	uint64_t id;                 /* 1 … */
	const char *token;           /* the job's own; "" never */
	unsigned timeout_s;          /* 1 .. JOB_TIMEOUT_MAX */
	const char *name, *stage, *project_path; /* "group/project" */
	uint64_t project_id, pipeline_id;
	double queue_s;              /* time in the forge's queue, seconds; 0 unknown */
	struct job_sources sources;
	const struct job_var *vars;          /* in the forge's order: a later one wins */
	size_t nvars;
	const struct job_step *steps;        /* at least one */
	size_t nsteps;
	const struct job_hook *hooks;
	size_t nhooks;
	const struct job_secret *secrets;
	size_t nsecrets;
	struct job_image image;
	const struct job_image *services;
	size_t nservices;
	const struct job_artifact *artifacts;
	size_t nartifacts;
	const struct job_cache *caches;
	size_t ncaches;
	const struct job_dependency *dependencies;
	size_t ndependencies;
	const char *const *mask_prefixes;    /* features.token_mask_prefixes */
	size_t nmask_prefixes;
	const char *const *failure_reasons;  /* what the server knows: features.failure_reasons */
	size_t nfailure_reasons;
	bool trace_sections;
	bool has_run;                        /* the "run" keyword is set: refused with words */
};

#endif
