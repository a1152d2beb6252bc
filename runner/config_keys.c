#include "runner/config_keys.h"

#include "base/str.h"
#include "runner/config.h"
#include "sandbox/spec.h"

#include <stdio.h>
#include <string.h>

enum { SECOND = 1000, HOUR = 3600 * SECOND, KIB = 1024, NAMES = CONFIG_RUNNER_KEYS_MAX };

#define ROW(struct_, name_, type_, field, ...)                                                  \
	{                                                                                       \
		.name = (name_), .type = CONFIG_##type_, .to = offsetof(struct struct_, field), \
		__VA_ARGS__                                                                     \
	}
#define KEY(...) ROW(config, __VA_ARGS__)
#define RUN(...) ROW(config_runner, __VA_ARGS__)
#define COUNTED(field) .count = offsetof(struct config_runner, field)

static const char *const levels[] = { "debug", "info", "warn", "warning", "error", NULL };
static const char *const formats[] = { "logfmt", "json", NULL };
static const char *const forges[] = { "gitlab", "gitea", "forgejo", NULL };
static const char *const shells[] = { "bash", "sh", NULL };
static const char *const isolations[] = { "default", "strict", "nested", NULL };
static const int isolation_ranks[] = {
	[SANDBOX_PROFILE_NESTED] = 0, [SANDBOX_PROFILE_DEFAULT] = 1, [SANDBOX_PROFILE_STRICT] = 2
};
static const char *const networks[] = { "host", "none", NULL }; /* enum config_network */

static const int network_ranks[] = { [CONFIG_NETWORK_HOST] = 0, [CONFIG_NETWORK_NONE] = 1 };

static const struct config_key file_keys[] = {
	KEY("concurrent", COUNT, concurrent, .min = 1, .max = 1000, .standard = "1",
	    .doc = "How many jobs run at once, of all runners together."),
	KEY("check_interval", DURATION, check_interval_ms, .max = HOUR, .standard = "3",
	    .doc = "How long to wait between two requests for a job; 0 means 3 s. A server with "
		   "long polling answers as soon as there is one; Gitea and Forgejo, which have "
		   "none, are asked every second unless this is longer than 3 s."),
	KEY("log_level", WORD, log_level, .standard = "info", .words = levels,
	    .doc = "The least level of the daemon's own log; after a reload for every process that "
		   "starts from then on."),
	KEY("log_format", WORD, log_format, .standard = "logfmt", .words = formats,
	    .doc = "The form of the daemon's own log: a line of logfmt or of JSON for each event."),
	KEY("listen_address", LINE, listen_address, .standard = "127.0.0.1:9464",
	    .doc = "HOST:PORT of /metrics, /healthz and /readyz; empty: none."),
	KEY("shutdown_timeout", DURATION, shutdown_timeout_ms, .max = 24ULL * HOUR,
	    .standard = "30", .doc = "How long running jobs may go on after a second signal."),
	KEY("connection_max_age", DURATION, connection_max_age_ms, .max = 24ULL * HOUR,
	    .standard = "15m", .doc = "When a connection to a server is replaced."),
	KEY("state_dir", PATH, state_dir, .standard = "",
	    .doc = "Jobs, journals and the ledger. Default: /var/lib/courser, for a user "
		   "$XDG_STATE_HOME/courser."),
	KEY("cache_dir", PATH, cache_dir, .standard = "",
	    .doc = "Mirrors, images and caches: what may be deleted while nothing runs. Default: "
		   "state_dir."),
	KEY("cache_size", SIZE, cache_size, .max = 1ULL << 50, .bare = 1, .standard = "10GiB",
	    .doc = "What the caches of all jobs may take on the disk; the least recently used go."),
	KEY("cache_free", SIZE, cache_free, .max = 1ULL << 50, .bare = 1, .standard = "1GiB",
	    .doc = "How much of the disk caches leave free: with less no cache is saved."),
	KEY("job_free", SIZE, job_free, .max = 1ULL << 50, .bare = 1, .standard = "512MiB",
	    .doc = "How much room there must be on the disks of state_dir and cache_dir before a job is "
		   "accepted; with less the runner waits and says so. 0: jobs are accepted anyway."),
	KEY("cgroup", LINE, cgroup, .standard = "auto",
	    .doc = "The cgroup (version 2) below which each job gets one: auto, that of the unit "
		   "courser-jobs.service beside ours, else our own where systemd delegates it; off; or the "
		   "absolute path of one."),
	KEY("id_base", COUNT, id_base, .min = 65536, .max = 4000000000, .standard = "1879048192",
	    .doc = "Root only: the first of the user and group ids that roles and jobs run as."),
};

static const struct config_key runner_keys[] = {
	RUN("name", LINE, name, .standard = "", .doc = "Shown in job logs and metrics."),
	RUN("url", URL, url, .standard = "", .doc = "Of the server; required."),
	RUN("forge", WORD, forge, .standard = "gitlab", .words = forges,
	    .doc = "What kind of server it is."),
	RUN("labels", LIST, labels, COUNTED(nlabels), .standard = "",
	    .doc = "Gitea and Forgejo: what workflows name in runs-on to get this runner: "
		   "NAME, NAME:host or NAME:docker://IMAGE."),
	RUN("ephemeral", BOOL, ephemeral, .standard = "false",
	    .doc = "Gitea and Forgejo: ask for one job and no more; the server deletes the runner "
		   "when that job has ended. A daemon all of whose registrations have had their "
		   "one job ends with status 0."),
	RUN("id", COUNT, id, .max = INT64_MAX, .standard = "0", .doc = "The server's number."),
	RUN("token", SECRET, token, .standard = "",
	    .doc = "The runner's authentication token; of Gitea and Forgejo UUID:TOKEN."),
	RUN("token_file", LINE, token_file, .standard = "",
	    .doc = "Instead of token: the absolute path of a file that holds it, or the name of a "
		   "systemd credential."),
	RUN("token_obtained_at", TIME, token_obtained_at, .standard = "0",
	    .doc = "When the token was obtained."),
	RUN("token_expires_at", TIME, token_expires_at, .standard = "0",
	    .doc = "When it ends; it is replaced at three quarters of its life."),
	RUN("tls_ca_file", PATH, tls_ca_file, .standard = "", .doc = "CA certificates to trust."),
	RUN("tls_cert_file", PATH, tls_cert_file, .standard = "", .doc = "Client certificate."),
	RUN("tls_key_file", PATH, tls_key_file, .standard = "", .doc = "Its key."),
	RUN("proxy", URL, proxy, .standard = "", .doc = "HTTP proxy to the server."),
	RUN("no_proxy", LINE, no_proxy, .standard = "", .doc = "Hosts without it, with commas."),
	RUN("clone_url", URL, clone_url, .standard = "",
	    .doc = "Where to clone from when the server's own URL cannot be reached from here."),
	RUN("limit", COUNT, limit, .max = 1000, .standard = "0",
	    .doc = "How many jobs of this runner run at once; 0: as many as concurrent."),
	RUN("request_concurrency", COUNT, request_concurrency, .min = 1, .max = 1000,
	    .standard = "1", .doc = "How many requests for a job may be open at once."),
	RUN("strict_check_interval", BOOL, strict_check_interval, .standard = "false",
	    .doc = "Wait check_interval also after a job was received."),
	RUN("unhealthy_requests_limit", COUNT, unhealthy_requests_limit, .min = 1, .max = 1000,
	    .standard = "3", .doc = "After so many refusals in a row the runner pauses."),
	RUN("unhealthy_interval", DURATION, unhealthy_interval_ms, .min = SECOND,
	    .max = 24ULL * HOUR, .standard = "1h", .doc = "For so long."),
	RUN("job_status_final_update_retry_limit", COUNT, job_status_final_update_retry_limit,
	    .min = 1, .max = 1000, .standard = "10",
	    .doc = "How often the final state of a job is sent before it is given up."),
	RUN("output_limit", SIZE, output_limit, .min = KIB, .max = 1ULL << 40, .bare = KIB,
	    .standard = "4096", .doc = "The most log that a job may have; a bare number is kB."),
	RUN("shell", WORD, shell, .standard = "bash", .words = shells, .doc = "Of the scripts."),
	RUN("builds_dir", PATH, builds_dir, .standard = "/builds",
	    .doc = "Where projects are, inside the sandbox."),
	RUN("environment", PAIRS, environment, COUNTED(nenvironment), .standard = "",
	    .doc = "Variables for every job, K=V."),
	RUN("feature_flags", PAIRS, feature_flags, COUNTED(nfeature_flags), .standard = "",
	    .doc = "Feature flags by name; they outweigh the job's own."),
	RUN("pre_get_sources_script", TEXT, pre_get_sources_script, .standard = "",
	    .doc = "Runs before the sources are fetched."),
	RUN("post_get_sources_script", TEXT, post_get_sources_script, .standard = "",
	    .doc = "Runs after."),
	RUN("pre_build_script", TEXT, pre_build_script, .standard = "",
	    .doc = "Runs before each step's script, in its shell (not in workflows)."),
	RUN("post_build_script", TEXT, post_build_script, .standard = "", .doc = "Runs after."),
	RUN("prepare_timeout", DURATION, prepare_timeout_ms, .max = 24ULL * HOUR, .standard = "0",
	    .doc = "The most time for the preparation of a job; 0: the job's own timeout."),
	RUN("get_sources_timeout", DURATION, get_sources_timeout_ms, .max = 24ULL * HOUR,
	    .standard = "0", .doc = "The most time for its sources; 0: the job's own timeout."),
	RUN("debug_trace_disabled", BOOL, debug_trace_disabled, .standard = "false",
	    .doc = "Ignore CI_DEBUG_TRACE."),
	RUN("actions_offline", BOOL, actions_offline, .standard = "false",
	    .doc = "Gitea and Forgejo: ask no server but the runner's own for actions; what is not "
		   "on this machine from an earlier job is missing, and the job says so."),
	RUN("network", CHOICE, network, .standard = "host", .words = networks,
	    .strict = CONFIG_RANKED, .ranks = network_ranks,
	    .doc = "Of a job: the host's, or none but loopback."),
	RUN("mounts", LIST, mounts, COUNTED(nmounts), .standard = "", .strict = CONFIG_COMMON,
	    .doc = "Host directories in the sandbox: HOST:INSIDE[:ro|rw]."),
	RUN("devices", LIST, devices, COUNTED(ndevices), .standard = "", .strict = CONFIG_COMMON,
	    .doc = "Device nodes in the sandbox: /dev/…"),
	RUN("cancel.int", DURATION, cancel_int_ms, .max = HOUR, .standard = "10s",
	    .doc = "How long a cancelled script has after SIGINT."),
	RUN("cancel.term", DURATION, cancel_term_ms, .max = HOUR, .standard = "10s",
	    .doc = "How long it has after SIGTERM, before everything is killed."),
	RUN("drain", DURATION, drain_ms, .max = 2 * SECOND, .standard = "2s",
	    .doc = "How long a background process may hold the log open after its step."),
	RUN("tmp_size", SIZE, tmp_size, .max = 1ULL << 40, .bare = 1, .standard = "0",
	    .strict = CONFIG_LEAST, .zero = SANDBOX_TMP_BYTES,
	    .doc = "The size of each of /tmp, /run, /dev/shm and HOME; 0: the built-in size."),
	RUN("isolation", CHOICE, isolation, .standard = "default", .words = isolations,
	    .strict = CONFIG_RANKED, .ranks = isolation_ranks,
	    .doc = "What a job may ask of the kernel: strict has no debuggers and no shared memory by "
		   "key; nested has user namespaces and mounts in them, for rootless image builds, "
		   "and is weaker."),
	RUN("profile", LINE, profile, .standard = "",
	    .doc = "Of profiles, the one that all its jobs have. What it names holds in place of this "
		   "runner's own key."),
	RUN("profile_rules", PAIRS, profile_rules, COUNTED(nprofile_rules), .standard = "",
	    .doc = "Which profiles jobs have besides: WHEN=PROFILE, WHEN being protected (the job's ref "
		   "is), unprotected, fork (a merge or pull request of another project, or perhaps "
		   "one), or label:NAME (Gitea and Forgejo: one of runs-on; GitLab tells no tags, "
		   "there a tag gets a runner of its own). All rules that fit count, together with "
		   "profile; where profiles name the same key, the one that gives least wins."),
	RUN("limits.memory", SIZE, memory, .max = 1ULL << 50, .bare = 1, .standard = "0",
	    .strict = CONFIG_LEAST,
	    .doc = "The most memory of a job, all its processes and private files together; 0: no "
		   "limit. Held by a cgroup where one is delegated, else sampled."),
	RUN("limits.cpus", COUNT, cpus, .max = 4096, .standard = "0", .strict = CONFIG_LEAST,
	    .doc = "How many CPUs a job sees and runs on (nproc, make -j and runtimes ask for that); "
		   "0: all. MAKEFLAGS is left alone. Held by a cgroup where one is delegated; else a "
		   "job can ask for the others again."),
	RUN("limits.nproc", COUNT, nproc, .max = 1 << 22, .standard = "0", .strict = CONFIG_LEAST,
	    .doc = "The most processes of a job (RLIMIT_NPROC); 0: the built-in limit."),
	RUN("limits.nofile", COUNT, nofile, .max = 1 << 24, .standard = "0", .strict = CONFIG_LEAST,
	    .doc = "The most open files of a process; 0: the built-in limit."),
	RUN("limits.fsize", SIZE, fsize, .max = 1ULL << 50, .bare = 1, .standard = "0",
	    .strict = CONFIG_LEAST, .doc = "The largest file; 0: no limit."),
	RUN("vault.allowed", LIST, vault_allowed, COUNTED(nvault_allowed), .standard = "",
	    .doc = "Addresses of the Vault servers that jobs may name; none listed: any."),
	RUN("vault.ca_file", PATH, vault_ca_file, .standard = "",
	    .doc = "CA certificates of the Vault servers."),
	RUN("image", LINE, image, .standard = "",
	    .doc = "Image for jobs that name none; empty: they run on this machine's own files."),
	RUN("images.allowed", LIST, images_allowed, COUNTED(nimages_allowed), .standard = "",
	    .doc = "Patterns of the images that jobs and their services may name; none listed: any."),
	RUN("images.pull_policy", LIST, images_pull_policy, COUNTED(nimages_pull_policy),
	    .standard = "",
	    .doc = "always, if-not-present or never; several are tried in turn. Default: always."),
	RUN("images.allowed_pull_policies", LIST, images_allowed_policies,
	    COUNTED(nimages_allowed_policies), .standard = "",
	    .doc = "What jobs may ask for instead; none listed: what pull_policy has."),
	RUN("images.mirrors", LIST, images_mirrors, COUNTED(nimages_mirrors), .standard = "",
	    .doc = "HOST=URL: asked for that registry's images before it, in order."),
	RUN("images.insecure_registries", LIST, images_insecure, COUNTED(nimages_insecure),
	    .standard = "", .doc = "HOST:PORT of registries without TLS."),
	RUN("images.paths", LIST, images_paths, COUNTED(nimages_paths), .standard = "",
	    .doc = "Directories below which jobs may take images from the disk: oci:DIRECTORY[:TAG], an "
		   "OCI image layout. None listed: no job may."),
	RUN("images.auth_file", PATH, images_auth_file, .standard = "",
	    .doc = "Passwords for registries, a file in the form of docker's config.json."),
	RUN("images.ca_file", PATH, images_ca_file, .standard = "",
	    .doc = "CA certificates of registries."),
	RUN("images.keep", SIZE, images_keep, .max = 1ULL << 50, .bare = 1, .standard = "20GiB",
	    .doc = "How much unpacked layers may take; beyond it the least recently used go."),
	RUN("images.max_size", SIZE, images_max_size, .min = 1 << 20, .max = 1ULL << 50, .bare = 1,
	    .standard = "16GiB", .doc = "The largest image that is pulled, as it is compressed."),
	RUN("services.wait", DURATION, services_wait_ms, .max = HOUR, .standard = "30s",
	    .doc = "How long the services of a job may take until one of their ports answers; then the "
		   "job goes on with a warning. 0: they are not waited for."),
	RUN("vault.timeout", DURATION, vault_timeout_ms, .min = SECOND, .max = 80 * SECOND,
	    .standard = "60s", .doc = "The most time for one read of a secret."),
};

const struct config_level config_file_level = { "", file_keys, sizeof file_keys / sizeof *file_keys,
						sizeof(struct config), false };
const struct config_level config_runner_level = { "runners", runner_keys,
						  sizeof runner_keys / sizeof *runner_keys,
						  sizeof(struct config_runner), false };
const struct config_level config_profile_level = { "profiles", runner_keys,
						   sizeof runner_keys / sizeof *runner_keys,
						   sizeof(struct config_runner), true };
_Static_assert(sizeof runner_keys / sizeof *runner_keys <= CONFIG_RUNNER_KEYS_MAX, "profiles");

/* --- names -------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(*a == '_' && *b == '-'))
			return false;
	return *a == *b;
}

bool config_key_belongs(const struct config_level *level, const struct config_key *k)
{
	return !level->strict || k->strict != CONFIG_NO_PROFILE;
}

const struct config_key *config_key_find(const struct config_level *level, const char *name)
{
	for (size_t i = 0; i < level->n; i++)
		if (config_key_belongs(level, &level->keys[i]) &&
		    same_name(level->keys[i].name, name))
			return &level->keys[i];
	return NULL;
}

bool config_key_is_prefix(const struct config_level *level, const char *prefix)
{
	size_t n = strlen(prefix);
	for (size_t i = 0; i < level->n; i++)
		if (config_key_belongs(level, &level->keys[i]) &&
		    strncmp(level->keys[i].name, prefix, n) == 0 && level->keys[i].name[n] == '.')
			return true;
	return false;
}

const char *config_key_nearest(const struct config_level *level, const char *name)
{
	const char *names[NAMES + 2];
	size_t n = 0;
	for (size_t i = 0; i < level->n && n < NAMES; i++)
		if (config_key_belongs(level, &level->keys[i]))
			names[n++] = level->keys[i].name;
	if (!*level->name) {
		names[n++] = config_runner_level.name;
		names[n++] = config_profile_level.name;
	}
	return str_nearest(name, names, n);
}

struct foreign {
	const char *name, *why;
};

static const struct foreign foreigners[] = {
	{ "executor", "courser has one executor: its own sandbox" },
	{ "docker", "courser runs jobs without a container daemon" },
	{ "kubernetes", "courser has one executor: its own sandbox" },
	{ "custom", "courser has one executor: its own sandbox" },
	{ "sentry_dsn", "courser reports nothing to Sentry" },
	{ "session_server", "courser has no web terminal" },
	{ "user", "ids are taken from id_base, a user for each slot" },
	{ "safe_directory_checkout", "sources belong to the job's own user" },
	{ "clean_git_config", "git configuration is always fresh" },
};

const char *config_key_foreign(const char *name)
{
	for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++)
		if (same_name(foreigners[i].name, name))
			return foreigners[i].why;
	return NULL;
}

const char *config_type_name(enum config_type type)
{
	static const char *const names[CONFIG_TYPES] = {
		[CONFIG_LINE] = "a line of text",
		[CONFIG_TEXT] = "a text",
		[CONFIG_SECRET] = "a line of text",
		[CONFIG_PATH] = "an absolute path",
		[CONFIG_URL] = "an http or https URL",
		[CONFIG_WORD] = "a word",
		[CONFIG_CHOICE] = "a word",
		[CONFIG_BOOL] = "true or false",
		[CONFIG_COUNT] = "a whole number",
		[CONFIG_DURATION] = "a duration",
		[CONFIG_SIZE] = "a size",
		[CONFIG_TIME] = "a time",
		[CONFIG_LIST] = "a list",
		[CONFIG_PAIRS] = "a list of K=V",
	};
	return names[type];
}
