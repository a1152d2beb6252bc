/*
 * The configuration: one YAML file, read at once into an immutable struct, or refused with every
 * error that is in it. The keys, their types, bounds, defaults and meaning are one table
 * (runner/config_keys.h). Times are milliseconds, sizes bytes.
 */
#ifndef RUNNER_CONFIG_H
#define RUNNER_CONFIG_H

#include "base/arena.h"
#include "runner/config_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_RUNNER_KEYS_MAX = 128 };

/* Where a job's network is: the same order as the words of the key "network". */
enum config_network { CONFIG_NETWORK_HOST, CONFIG_NETWORK_NONE };

/* One registration. No string is NULL; "" is "not set". */
struct config_runner {
	const char *name, *url, *token, *token_file;
	const char *forge; /* "gitlab", "gitea" or "forgejo" */
	bool ephemeral;
	uint64_t id;
	uint64_t token_obtained_at, token_expires_at; /* seconds since 1970, 0 unknown */
	const char *tls_ca_file, *tls_cert_file, *tls_key_file, *proxy, *no_proxy, *clone_url;
	uint64_t limit, request_concurrency; /* limit 0: none */
	uint64_t unhealthy_requests_limit, unhealthy_interval_ms;
	uint64_t job_status_final_update_retry_limit;
	bool strict_check_interval, debug_trace_disabled, actions_offline;
	uint64_t output_limit; /* bytes */
	const char *shell, *builds_dir;
	int network; /* enum config_network */
	const char *pre_get_sources_script, *post_get_sources_script;
	const char *pre_build_script, *post_build_script;
	uint64_t prepare_timeout_ms, get_sources_timeout_ms; /* 0: the job's own only */
	uint64_t cancel_int_ms, cancel_term_ms, drain_ms;
	uint64_t tmp_size, nproc, nofile, fsize, memory, cpus;
	int isolation;                                         /* enum sandbox_profile */
	const char *const *environment, *const *feature_flags; /* "K=V" each */
	const char *const *mounts, *const *devices, *const *labels;
	const char *const *vault_allowed; /* addresses; none: any */
	size_t nenvironment, nfeature_flags, nmounts, ndevices, nlabels, nvault_allowed;
	const char *vault_ca_file;
	const char *image, *images_auth_file, *images_ca_file; /* image: of a job that names none */
	const char *const *images_allowed, *const *images_pull_policy,
						   *const *images_allowed_policies;
	const char *const *images_insecure,
		*const *images_mirrors, *const *images_paths; /* mirrors: "docker.io=https://…" */
	size_t nimages_allowed, nimages_pull_policy, nimages_allowed_policies;
	size_t nimages_insecure, nimages_mirrors, nimages_paths;
	uint64_t images_keep, images_max_size; /* bytes */
	uint64_t vault_timeout_ms, services_wait_ms;
	const char *profile;              /* "" none */
	const char *const *profile_rules; /* "fork=NAME": runner/profile.h */
	size_t nprofile_rules;
};

/* A named set of rights. Of `rights` only what keys that may be in a profile say, and of these what is named:
 * by the key's place in the table. */
struct config_profile {
	const char *name;
	struct config_runner rights;
	bool named[CONFIG_RUNNER_KEYS_MAX];
};

struct config {
	const char *path; /* of the file */
	uint64_t concurrent, check_interval_ms;
	const char *log_level, *log_format, *listen_address; /* listen_address "": no metrics */
	uint64_t shutdown_timeout_ms, connection_max_age_ms;
	const char *state_dir, *cache_dir;                  /* cache_dir "": the same */
	uint64_t id_base, cache_size, cache_free, job_free; /* bytes */
	const char *cgroup;                                 /* "auto", "off" or a path */
	const struct config_runner *runners;
	const struct config_profile *profiles;
	size_t nrunners, nprofiles;
};

enum { CONFIG_ARENA_MAX = 32 << 20, CONFIG_RUNNERS_MAX = 1000, CONFIG_PROFILES_MAX = 64 };

/* text: the file's bytes. overrides: "KEY=VALUE" texts, NULL-terminated; NULL none. */
struct config_source {
	const char *path, *text;
	size_t n;
	const char *const *overrides;
};

/*
 * Read path. NULL: errors has what is wrong with the content (all of it, in order) and e says how
 * much; or errors is empty and e says why path could not be read. Nothing here quotes a token.
 * Tokens are there afterwards: those of token_file are read. No file at all is as good as an empty
 * one where `path` is the default path.
 */
const struct config *config_load(const char *path, const char *const *overrides, struct arena *a,
				 struct config_errors *errors, struct err *e)
	__attribute__((nonnull(1, 3, 4, 5), warn_unused_result));

/* The same for bytes that are at hand; token files are not read. */
const struct config *config_parse(const struct config_source *source, struct arena *a,
				  struct config_errors *errors, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Where configuration and state are when nobody says: /etc/courser/config.yaml and /var/lib/courser
 * for root, the XDG places for a user. NULL with e set. */
const char *config_default_path(struct arena *a, struct err *e) __attribute__((nonnull));
const char *config_default_state(struct arena *a, struct err *e) __attribute__((nonnull));

#endif
