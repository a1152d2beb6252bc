/* What a slot takes in: a job, and what the configuration says about jobs of its kind. */
#ifndef RUNNER_SLOT_JOB_H
#define RUNNER_SLOT_JOB_H

#include "executor/settings.h"
#include "sandbox/spec.h"

struct config;
struct config_runner;

/* What the configuration says about a registration's jobs. */
struct slot_options {
	const struct config *config; /* whose the profiles are */
	const struct config_runner *from;
	enum sandbox_net net;
	const char *network;    /* its name */
	const char *builds_dir; /* inside the sandbox: "/builds" */
	uint64_t tmp_bytes;
	uint64_t cache_size, cache_free; /* bytes */
	struct sandbox_limits limits;
	uint64_t memory; /* bytes; 0 no limit */
	enum sandbox_profile profile;
	const char *const *mounts; /* "/host/path:/inside[:ro|rw]" */
	size_t nmounts;
	const char *const *devices; /* "/dev/kvm" */
	size_t ndevices;
	const char *http_settings; /* key=value lines for fetcher and keeper */
	const char *vault_settings;
	const char *registry_http,
		*registry_settings; /* for pullers: http, and runner/puller_settings.h */
};

/* Those of the options that a profile may change; lists are borrowed from `from`. */
void slot_options_rights(struct slot_options *o, const struct config_runner *from)
	__attribute__((nonnull));

/* What a slot takes in. Strings are copied where they outlive the call. */
struct slot_job {
	const char *name;        /* of the directory: unique below STATE/jobs, printable */
	int payload;             /* sealed memfd; the slot's afterwards */
	uint64_t cookie;         /* the caller's name for the job */
	uint64_t id, project_id; /* project_id 0: the worker's word counts (exec) */
	uint64_t timeout_s;      /* of the job; 0: the worker's word counts */
	int protected_ref;       /* -1: the worker's word counts */
	bool from_fork;          /* the worker's word counts besides */
	const char *meta;        /* what a later supervisor has to know, logfmt; holds the token */
	const char *registration, *project; /* to be shown; NULL none */
	struct settings settings;
	const struct slot_options *options; /* borrowed for the job's life */
};

#endif
