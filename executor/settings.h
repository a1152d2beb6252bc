/* What a worker has to know of the configuration: written by the supervisor into a sealed memfd, a
 * key and a value a line (logfmt), read once by the worker. */
#ifndef EXECUTOR_SETTINGS_H
#define EXECUTOR_SETTINGS_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdint.h>

/* Strings are never NULL once read. Lists are joined by '\n' (their items hold none). */
struct settings {
	const char *forge;  /* "gitlab" (also ""), "gitea", "forgejo": what the payload is */
	const char *labels; /* of a workflow runner: "name[:docker://image]", a line each */
	const char *runner_name, *short_token, *system_id;
	const char *server_url;    /* of the coordinator; "" for exec */
	const char *shell;         /* "bash" or "sh" */
	const char *builds_dir;    /* inside the sandbox: "/builds" */
	const char *network;       /* the profile's name, for the verdict */
	const char *hostname;      /* of the machine, for "Running on" */
	const char *environment;   /* K=V lines of the operator */
	const char *feature_flags; /* NAME=true lines of the operator */
	const char *pre_get_sources, *post_get_sources, *pre_build, *post_build;
	const char
		*clone_url; /* scheme://host[/path] to clone from instead; "" as the forge says */
	const char *notes;  /* what degrades on this machine, a line each */
	const char *image;  /* of a job that names none; "" the host's files */
	const char *image_policy; /* "always", "if-not-present", "never": in this order, lines */
	const char *image_policies_allowed, *images_allowed; /* lines; "" any */
	const char *ca_file;   /* CA bundle of the coordinator, its content; "" none */
	uint64_t image_keep;   /* bytes: unpacked layers that stay */
	uint64_t output_limit; /* bytes; 0 none */
	uint64_t concurrent_id, concurrent_project_id;
	uint64_t cancel_int_ms, cancel_term_ms; /* patience after INT and after TERM */
	uint64_t drain_ms;         /* how long a background process may hold the log open */
	uint64_t prepare_ms;       /* 0: the job's own timeout only */
	uint64_t get_sources_ms;   /* 0: the job's own timeout only */
	uint64_t services_wait_ms; /* how long services may take to answer; 0: nobody waits */
	uint64_t debug_trace_off;  /* the operator forbids CI_DEBUG_TRACE */
	uint64_t
		actions_offline; /* servers of actions other than the coordinator's are not asked */
	uint64_t alone;          /* no later supervisor takes the job over: it ends with this one */
	uint64_t prepaid_ms;     /* time spent on the job before the worker started */
};

int settings_write(const struct settings *s, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* -1: a line is malformed or has an unknown key. Strings live in a. */
int settings_read(const char *text, struct arena *a, struct settings *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
