#include "protocol/gitlab_job.h"

#include "base/str.h"
#include "protocol/gitlab_inputs.h"
#include "protocol/gitlab_secrets.h"
#include "protocol/gitlab_sources.h"
#include "protocol/gitlab_trust.h"
#include "protocol/json.h"
#include "protocol/json_room.h"

#include <errno.h>
#include <string.h>

enum {
	NAME_MAX_BYTES = 4096,
	LINES_MAX = 100000,
	LIST_MAX = 10000,
	FEATURES_MAX = 1024,
};

#define TABLE(rows_, type) \
	.rows = (rows_), .nrows = sizeof(rows_) / sizeof *(rows_), .size = sizeof(type)
#define COUNTED(type, list_, count_) .to = offsetof(type, list_), .count = offsetof(type, count_)

static const char *const whens[] = { "on_success", "on_failure", "always", NULL };

/* --- variables ---------------------------------------------------------------------------------- */

#define VAR(field) .to = offsetof(struct job_var, field)
static const struct json_row var_rows[] = {
	{ "key", json_take_line, VAR(key), .min = 1, .max = NAME_MAX_BYTES },
	{ "value", json_take_text, VAR(value) },
	{ "public", json_take_flag, VAR(public) },
	{ "masked", json_take_flag, VAR(masked) },
	{ "raw", json_take_flag, VAR(raw) },
	{ "file", json_take_flag, VAR(file) },
};
static const struct json_table var_table = { TABLE(var_rows, struct job_var) };

static int take_vars(const struct json_at *at, const struct json_row *row, void *to,
		     struct arena *a, struct err *e)
{
	size_t sum = 0;
	const struct job *job = to;
	if (json_take_list(at, row, to, a, e) < 0)
		return -1;
	for (size_t i = 0; i < job->nvars; i++)
		sum += strlen(job->vars[i].key) + strlen(job->vars[i].value);
	if (sum > JOB_VARS_BYTES_MAX)
		return json_at_fail(at, e, "%zu bytes of keys and values, at most %d", sum,
				    JOB_VARS_BYTES_MAX);
	return 0;
}

/* --- steps and hooks ---------------------------------------------------------------------------- */

/* Seconds; what is not positive is none. */
static int seconds_at(const struct json_at *at, uint64_t *ret, struct err *e)
{
	if (at->value && !json_is_number(at->value))
		return json_at_fail(at, e, "not a number");
	if (at->value && !json_is_integer(at->value))
		return json_at_fail(at, e, "not a whole number");
	json_int_t s = json_integer_value(at->value);
	*ret = s <= 0 ? 0 : s > JOB_TIMEOUT_MAX ? JOB_TIMEOUT_MAX : (uint64_t)s;
	return 0;
}

static int take_step_timeout(const struct json_at *at, const struct json_row *row, void *to,
			     struct arena *a, struct err *e)
{
	struct job_step *step = to;
	uint64_t s = 0;
	(void)row, (void)a;
	if (seconds_at(at, &s, e) < 0)
		return -1;
	step->timeout_ms = s * 1000;
	return 0;
}

#define STEP(field) .to = offsetof(struct job_step, field)
static const struct json_row step_rows[] = {
	{ "name", json_take_line, STEP(name), .min = 1, .max = NAME_MAX_BYTES },
	{ "script", json_take_texts, COUNTED(struct job_step, lines, nlines), .max = LINES_MAX },
	{ .key = "timeout", .take = take_step_timeout },
	{ "when", json_take_word, STEP(when), .more = whens },
	{ "allow_failure", json_take_flag, STEP(allow_failure) },
};
static const struct json_table step_table = { TABLE(step_rows, struct job_step) };

static const struct json_row hook_rows[] = {
	{ "name", json_take_line, .to = offsetof(struct job_hook, name), .min = 1 },
	{ "script", json_take_texts, COUNTED(struct job_hook, lines, nlines), .max = LINES_MAX },
};
static const struct json_table hook_table = { TABLE(hook_rows, struct job_hook) };

/* --- image, artifacts, cache, dependencies ------------------------------------------------------- */

#define IMAGE(field) .to = offsetof(struct job_image, field)

/* A name or a number: GitLab passes on what was written. */
static int take_user(const struct json_at *at, const struct json_row *row, void *to,
		     struct arena *a, struct err *e)
{
	struct job_image *image = to;
	if (!json_is_integer(at->value))
		return json_take_line(at, row, to, a, e);
	image->user = arena_printf(a, e, "%lld", (long long)json_integer_value(at->value));
	return image->user ? 0 : -1;
}

static const struct json_row docker_rows[] = {
	{ "platform", json_take_line, IMAGE(platform), .max = NAME_MAX_BYTES },
	{ "user", take_user, IMAGE(user), .max = NAME_MAX_BYTES },
};
static const struct json_table docker_table = { TABLE(docker_rows, struct job_image) };

static const struct json_row options_rows[] = {
	{ "docker", json_take_object, .more = &docker_table },
};
static const struct json_table options_table = { TABLE(options_rows, struct job_image) };

static int take_entrypoint(const struct json_at *at, const struct json_row *row, void *to,
			   struct arena *a, struct err *e)
{
	struct job_image *image = to;
	image->has_entrypoint = json_array_size(at->value) > 0;
	return json_take_texts(at, row, to, a, e);
}

static const struct json_row image_rows[] = {
	{ "name", json_take_line, IMAGE(name), .max = NAME_MAX_BYTES },
	{ "entrypoint", take_entrypoint, COUNTED(struct job_image, entrypoint, nentrypoint),
	  .max = LIST_MAX },
	{ "pull_policy", json_take_texts, COUNTED(struct job_image, policies, npolicies),
	  .max = LIST_MAX },
	{ "executor_opts", json_take_object, .more = &options_table },
	{ "alias", json_take_line, IMAGE(alias), .max = NAME_MAX_BYTES },
	{ "command", json_take_texts, COUNTED(struct job_image, command, ncommand),
	  .max = LIST_MAX },
	{ "variables", json_take_list, COUNTED(struct job_image, vars, nvars), .max = LIST_MAX,
	  .more = &var_table },
};
static const struct json_table image_table = { TABLE(image_rows, struct job_image) };

static const struct json_row credential_rows[] = {
	{ "type", json_take_line, .to = offsetof(struct job_credential, type) },
	{ "url", json_take_line, .to = offsetof(struct job_credential, url) },
	{ "username", json_take_text, .to = offsetof(struct job_credential, user) },
	{ "password", json_take_text, .to = offsetof(struct job_credential, password) },
};
static const struct json_table credential_table = { TABLE(credential_rows, struct job_credential) };

static int take_image(const struct json_at *at, const struct json_row *row, void *to,
		      struct arena *a, struct err *e)
{
	struct job *job = to;
	(void)row;
	return json_take(at, &image_table, &job->image, a, e);
}

#define ARTIFACT(field) .to = offsetof(struct job_artifact, field)
static const struct json_row artifact_rows[] = {
	{ "name", json_take_text, ARTIFACT(name), .max = NAME_MAX_BYTES },
	{ "artifact_type", json_take_line, ARTIFACT(type) },
	{ "artifact_format", json_take_line, ARTIFACT(format) },
	{ "expire_in", json_take_line, ARTIFACT(expire_in) },
	{ "paths", json_take_texts, COUNTED(struct job_artifact, paths, npaths), .max = LIST_MAX },
	{ "exclude", json_take_texts, COUNTED(struct job_artifact, excludes, nexcludes),
	  .max = LIST_MAX },
	{ "when", json_take_word, ARTIFACT(when), .more = whens },
	{ "untracked", json_take_flag, ARTIFACT(untracked) },
};
static const struct json_table artifact_table = { TABLE(artifact_rows, struct job_artifact) };

#define CACHE(field) .to = offsetof(struct job_cache, field)
static const struct json_row cache_rows[] = {
	{ "key", json_take_text, CACHE(key), .max = NAME_MAX_BYTES },
	{ "policy", json_take_text, CACHE(policy), .max = NAME_MAX_BYTES },
	{ "paths", json_take_texts, COUNTED(struct job_cache, paths, npaths), .max = LIST_MAX },
	{ "fallback_keys", json_take_texts,
	  COUNTED(struct job_cache, fallback_keys, nfallback_keys), .max = LIST_MAX },
	{ "when", json_take_word, CACHE(when), .more = whens },
	{ "untracked", json_take_flag, CACHE(untracked) },
};
static const struct json_table cache_table = { TABLE(cache_rows, struct job_cache) };

static const struct json_row file_rows[] = {
	{ "filename", json_take_line, .to = offsetof(struct job_dependency, file) },
	{ "size", json_take_u64, .to = offsetof(struct job_dependency, size) },
};
static const struct json_table file_table = { TABLE(file_rows, struct job_dependency) };

static const struct json_row dependency_rows[] = {
	{ "id", json_take_u64, .to = offsetof(struct job_dependency, id), .min = 1 },
	{ "token", json_take_line, .to = offsetof(struct job_dependency, token),
	  .max = NAME_MAX_BYTES },
	{ "name", json_take_line, .to = offsetof(struct job_dependency, name) },
	{ "artifacts_file", json_take_object, .more = &file_table },
};
static const struct json_table dependency_table = { TABLE(dependency_rows, struct job_dependency) };

/* --- the job ------------------------------------------------------------------------------------ */

#define JOB(field) .to = offsetof(struct job, field)

/* A clock that is off makes it negative; it is for people and metrics only. */
static int take_queue(const struct json_at *at, const struct json_row *row, void *to,
		      struct arena *a, struct err *e)
{
	struct job *job = to;
	(void)row, (void)a;
	if (at->value && !json_is_number(at->value))
		return json_at_fail(at, e, "not a number");
	double s = json_number_value(at->value);
	job->queue_s = s > 0 ? s : 0;
	return 0;
}

static const struct json_row info_rows[] = {
	{ "name", json_take_line, JOB(name), .max = NAME_MAX_BYTES },
	{ "stage", json_take_line, JOB(stage), .max = NAME_MAX_BYTES },
	{ "pipeline_id", json_take_u64, JOB(pipeline_id) },
	{ "project_id", json_take_u64, JOB(project_id), .min = 1 },
	{ "project_full_path", json_take_line, JOB(project_path), .max = NAME_MAX_BYTES },
	{ .key = "time_in_queue_seconds", .take = take_queue },
};
static const struct json_table info_table = { TABLE(info_rows, struct job) };

static int take_sources(const struct json_at *at, const struct json_row *row, void *to,
			struct arena *a, struct err *e)
{
	struct job *job = to;
	(void)row;
	return gitlab_sources_take(at, &job->sources, a, e);
}

static int take_timeout(const struct json_at *at, const struct json_row *row, void *to,
			struct arena *a, struct err *e)
{
	struct job *job = to;
	uint64_t s = 0;
	(void)row, (void)a;
	if (seconds_at(at, &s, e) < 0)
		return -1;
	job->timeout_s = s ? (unsigned)s : JOB_TIMEOUT_DEFAULT;
	return 0;
}

static const struct json_row runner_rows[] = { { .key = "timeout", .take = take_timeout } };
static const struct json_table runner_table = { TABLE(runner_rows, struct job) };

static const struct json_row feature_rows[] = {
	{ "trace_sections", json_take_flag, JOB(trace_sections) },
	{ "token_mask_prefixes", json_take_texts,
	  COUNTED(struct job, mask_prefixes, nmask_prefixes), .max = FEATURES_MAX },
	{ "failure_reasons", json_take_texts,
	  COUNTED(struct job, failure_reasons, nfailure_reasons), .max = FEATURES_MAX },
};
static const struct json_table feature_table = { TABLE(feature_rows, struct job) };

/* "run" is a string that holds JSON; that it is set at all is what counts. */
static int take_run(const struct json_at *at, const struct json_row *row, void *to, struct arena *a,
		    struct err *e)
{
	struct job *job = to;
	(void)row, (void)a, (void)e;
	job->has_run = at->value && (!json_is_string(at->value) || json_string_length(at->value));
	return 0;
}

/* Whose code it is. */
static void job_trust(struct job *job)
{
	struct gitlab_trust t = { .project = job->project_id };
	for (size_t i = 0; i < job->nvars; i++)
		gitlab_trust_see(&t, job->vars[i].key, job->vars[i].value);
	job->sources.protected_ref &= !t.unprotected;
	job->sources.from_fork = gitlab_trust_is_fork(&t);
}

/* project_full_path is younger than the rest of the payload: the URL has it too. */
static int job_check(const struct json_at *at, void *to, struct arena *a, struct err *e)
{
	struct job *job = to;
	struct json_at info = json_at_key(at, "job_info");
	struct json_at path = json_at_key(&info, "project_full_path");
	job_trust(job);
	if (!*job->project_path)
		job->project_path = gitlab_sources_project(job->sources.url, a, e);
	if (!job->project_path)
		return -1;
	if (!gitlab_sources_is_path(job->project_path))
		return json_at_fail(&path, e, "not the path of a project");
	return 0;
}

static const struct json_row job_rows[] = {
	{ "id", json_take_u64, JOB(id), .min = 1 },
	{ "token", json_take_line, JOB(token), .min = 1, .max = NAME_MAX_BYTES },
	{ "job_info", json_take_object, .min = 1, .more = &info_table },
	{ .key = "git_info", .take = take_sources },
	{ "allow_git_fetch", json_take_flag, JOB(sources.allow_fetch) },
	{ "runner_info", json_take_object, .more = &runner_table },
	{ "variables", take_vars, COUNTED(struct job, vars, nvars), .max = JOB_VARS_MAX,
	  .more = &var_table },
	{ "steps", json_take_list, COUNTED(struct job, steps, nsteps), .min = 1,
	  .max = JOB_STEPS_MAX, .more = &step_table },
	{ "hooks", json_take_list, COUNTED(struct job, hooks, nhooks), .max = JOB_STEPS_MAX,
	  .more = &hook_table },
	{ "secrets", gitlab_secrets_take, COUNTED(struct job, secrets, nsecrets),
	  .max = JOB_SECRETS_MAX },
	{ .key = "image", .take = take_image },
	{ "credentials", json_take_list, COUNTED(struct job, credentials, ncredentials),
	  .max = LIST_MAX, .more = &credential_table },
	{ "services", json_take_list, COUNTED(struct job, services, nservices), .max = LIST_MAX,
	  .more = &image_table },
	{ "artifacts", json_take_list, COUNTED(struct job, artifacts, nartifacts), .max = LIST_MAX,
	  .more = &artifact_table },
	{ "cache", json_take_list, COUNTED(struct job, caches, ncaches), .max = LIST_MAX,
	  .more = &cache_table },
	{ "dependencies", json_take_list, COUNTED(struct job, dependencies, ndependencies),
	  .max = LIST_MAX, .more = &dependency_table },
	{ "features", json_take_object, .more = &feature_table },
	{ .key = "run", .take = take_run },
};
static const struct json_table job_table = { TABLE(job_rows, struct job), .check = job_check };

/* --- inputs ------------------------------------------------------------------------------------- */

/* The texts that inputs are filled into; at names the place for errors. */
struct filling {
	const json_t *inputs;
	struct arena *a;
};

static int fill_text(const struct filling *f, const struct json_at *at, const char **text,
		     struct err *e)
{
	struct err inner = { 0 };
	const char *filled = gitlab_inputs_expand(f->inputs, *text, f->a, &inner);
	if (!filled)
		return json_at_fail(at, e, "%s", inner.msg);
	*text = filled;
	return 0;
}

/* The lists are our own and fresh from the arena: const is a promise to those who come later. */
static int fill_texts(const struct filling *f, const struct json_at *at, const char *const *texts,
		      struct err *e)
{
	const char **list;
	memcpy(&list, &texts, sizeof list);
	for (size_t i = 0; i < json_array_size(at->value); i++) {
		struct json_at item = json_at_index(at, i);
		if (fill_text(f, &item, &list[i], e) < 0)
			return -1;
	}
	return 0;
}

static int fill_steps(const struct filling *f, const struct json_at *at, const struct job *job,
		      struct err *e)
{
	struct json_at steps = json_at_key(at, "steps");
	for (size_t i = 0; i < job->nsteps; i++) {
		struct json_at step = json_at_index(&steps, i);
		struct json_at script = json_at_key(&step, "script");
		if (fill_texts(f, &script, job->steps[i].lines, e) < 0)
			return -1;
	}
	return 0;
}

static int fill_image(const struct filling *f, const struct json_at *at, struct job *job,
		      struct err *e)
{
	struct json_at image = json_at_key(at, "image"), name = json_at_key(&image, "name");
	return fill_text(f, &name, &job->image.name, e);
}

/* The arrays are our own and fresh, as the lists. */
static int fill_artifacts(const struct filling *f, const struct json_at *at, struct job *job,
			  struct err *e)
{
	struct json_at artifacts = json_at_key(at, "artifacts");
	struct job_artifact *list;
	memcpy(&list, &job->artifacts, sizeof(void *));
	for (size_t i = 0; i < job->nartifacts; i++) {
		struct json_at one = json_at_index(&artifacts, i);
		struct json_at name = json_at_key(&one, "name");
		struct json_at paths = json_at_key(&one, "paths");
		struct json_at excludes = json_at_key(&one, "exclude");
		if (fill_text(f, &name, &list[i].name, e) < 0 ||
		    fill_texts(f, &paths, list[i].paths, e) < 0 ||
		    fill_texts(f, &excludes, list[i].excludes, e) < 0)
			return -1;
	}
	return 0;
}

static int fill_caches(const struct filling *f, const struct json_at *at, struct job *job,
		       struct err *e)
{
	struct json_at caches = json_at_key(at, "cache");
	struct job_cache *list;
	memcpy(&list, &job->caches, sizeof(void *));
	for (size_t i = 0; i < job->ncaches; i++) {
		struct json_at one = json_at_index(&caches, i);
		struct json_at key = json_at_key(&one, "key");
		struct json_at policy = json_at_key(&one, "policy");
		struct json_at paths = json_at_key(&one, "paths");
		struct json_at fallback = json_at_key(&one, "fallback_keys");
		if (fill_text(f, &key, &list[i].key, e) < 0 ||
		    fill_text(f, &policy, &list[i].policy, e) < 0 ||
		    fill_texts(f, &paths, list[i].paths, e) < 0 ||
		    fill_texts(f, &fallback, list[i].fallback_keys, e) < 0)
			return -1;
	}
	return 0;
}

/* FF_ENABLE_JOB_INPUTS_INTERPOLATION: on unless a variable says no. */
static bool inputs_wanted(const struct job *job)
{
	bool on = true;
	for (size_t i = 0; i < job->nvars; i++)
		if (strcmp(job->vars[i].key, "FF_ENABLE_JOB_INPUTS_INTERPOLATION") == 0)
			str_bool(job->vars[i].value, &on);
	return on;
}

static int fill_inputs(const struct json_at *at, struct job *job, struct arena *a, struct err *e)
{
	struct json_at inputs = json_at_key(at, "inputs");
	struct filling f = { inputs.value, a };
	if (gitlab_inputs_check(&inputs, e) < 0)
		return -1;
	if (!inputs.value || !inputs_wanted(job))
		return 0;
	if (fill_steps(&f, at, job, e) < 0 || fill_artifacts(&f, at, job, e) < 0 ||
	    fill_caches(&f, at, job, e) < 0)
		return -1;
	return fill_image(&f, at, job, e);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static json_t *document(const char *text, size_t n, struct err *e)
{
	if (n > GITLAB_PAYLOAD_MAX) {
		err_set(e, E2BIG, "%zu bytes, at most %d (and %d of them variables)", n,
			GITLAB_PAYLOAD_MAX, JOB_VARS_BYTES_MAX);
		return NULL;
	}
	json_t *j = json_read(text, n, GITLAB_PAYLOAD_MAX, e);
	if (j && !json_is_object(j)) {
		json_decref(j);
		err_set(e, EINVAL, "not an object");
		return NULL;
	}
	return j;
}

static const struct job *parse(const char *text, size_t n, struct arena *a, struct err *e)
{
	struct job *job = arena_new(a, struct job, e);
	json_auto_t *j = job ? document(text, n, e) : NULL;
	struct json_at at = { .value = j };
	if (!j || json_take(&at, &job_table, job, a, e) < 0 || fill_inputs(&at, job, a, e) < 0) {
		err_wrap(e, "payload");
		return NULL;
	}
	return job;
}

const struct job *gitlab_job_parse(const char *text, size_t n, struct arena *a, struct err *e)
{
	json_room_enter();
	const struct job *job = parse(text, n, a, e);
	json_room_leave();
	return job;
}
