/* Environments on top of each other: the context env, and what a step has. */
#include "executor/workflow_value.h"

#include <errno.h>
#include <string.h>

enum { FLAGS = VAR_PUBLIC | VAR_RAW };

/* base and then those of top. NULL with e set. */
static struct expr_value *stack(struct workflow *x, const struct expr_value *base,
				const struct expr_value *top, struct err *e)
{
	const struct expr_value *levels[] = { base, top };
	struct expr_value *env = expr_object_new(x->a, e);
	if (!env)
		return NULL;
	env->exact = true;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; levels[k]->kind == EXPR_OBJECT && i < levels[k]->n; i++)
			if (expr_object_set(env, &levels[k]->pairs[i], x->a, e) < 0)
				return NULL;
	return env;
}

/* own on top of env, its values evaluated in the contexts as they are. */
static int add_own(struct workflow *x, struct expr_value *env, const struct job_env *own,
		   struct err *e)
{
	for (size_t i = 0; i < own->n; i++) {
		const char *text = workflow_text(x, &own->pairs[i].value, e);
		if (!text || workflow_put_text(x, env, own->pairs[i].key, text, e) < 0)
			return -1;
	}
	return 0;
}

static int set_env(struct workflow *x, const struct expr_value *env, struct err *e)
{
	return workflow_put(x, x->contexts, "env", env, e);
}

int workflow_open_env(struct workflow *x, struct err *e)
{
	x->all->env = &expr_null;
	for (size_t i = 0; i < sizeof x->job->env / sizeof *x->job->env; i++) {
		struct expr_value *env = stack(x, x->all->env, &expr_null, e);
		if (!env || set_env(x, x->all->env, e) < 0 ||
		    add_own(x, env, &x->job->env[i], e) < 0)
			return -1;
		x->all->env = env;
	}
	return set_env(x, x->all->env, e);
}

int workflow_add_env(struct workflow *x, const char *name, const char *value, struct err *e)
{
	struct expr_value *env = stack(x, x->all->env, &expr_null, e);
	const char *key = arena_strdup(x->a, name, e);
	if (!env || !key || workflow_put_text(x, env, key, value, e) < 0)
		return -1;
	x->all->env = env;
	return 0;
}

int workflow_add_path(struct workflow *x, const char *directory, struct err *e)
{
	const char *path = arena_printf(x->a, e, "%s:%s", directory, x->all->path);
	if (!path)
		return -1;
	x->all->path = path;
	return 0;
}

/* --- the variables of a step -------------------------------------------------------------------- */

/* Where a variable is from; optional: left out when it is empty. */
struct from_row {
	const char *name, *key;
	bool optional;
};

static const struct from_row github_rows[] = {
	{ "GITHUB_ACTION", "action", false },
	{ "GITHUB_ACTION_PATH", "action_path", true },
	{ "GITHUB_ACTION_REF", "action_ref", true },
	{ "GITHUB_ACTION_REPOSITORY", "action_repository", true },
	{ "GITHUB_ACTOR", "actor", false },
	{ "GITHUB_ACTOR_ID", "actor_id", true },
	{ "GITHUB_API_URL", "api_url", false },
	{ "GITHUB_BASE_REF", "base_ref", false },
	{ "GITHUB_EVENT_NAME", "event_name", false },
	{ "GITHUB_EVENT_PATH", "event_path", false },
	{ "GITHUB_GRAPHQL_URL", "graphql_url", false },
	{ "GITHUB_HEAD_REF", "head_ref", false },
	{ "GITHUB_JOB", "job", false },
	{ "GITHUB_REF", "ref", false },
	{ "GITHUB_REF_NAME", "ref_name", false },
	{ "GITHUB_REF_PROTECTED", "ref_protected", false },
	{ "GITHUB_REF_TYPE", "ref_type", false },
	{ "GITHUB_REPOSITORY", "repository", false },
	{ "GITHUB_REPOSITORY_ID", "repository_id", true },
	{ "GITHUB_REPOSITORY_OWNER", "repository_owner", false },
	{ "GITHUB_REPOSITORY_OWNER_ID", "repository_owner_id", true },
	{ "GITHUB_RETENTION_DAYS", "retention_days", false },
	{ "GITHUB_RUN_ATTEMPT", "run_attempt", false },
	{ "GITHUB_RUN_ID", "run_id", false },
	{ "GITHUB_RUN_NUMBER", "run_number", false },
	{ "GITHUB_SERVER_URL", "server_url", false },
	{ "GITHUB_SHA", "sha", false },
	{ "GITHUB_TRIGGERING_ACTOR", "triggering_actor", false },
	{ "GITHUB_WORKFLOW", "workflow", false },
	{ "GITHUB_WORKFLOW_REF", "workflow_ref", true },
	{ "GITHUB_WORKFLOW_SHA", "workflow_sha", true },
	{ "GITHUB_WORKSPACE", "workspace", false },
	{ "ACTIONS_RUNTIME_TOKEN", "gitea_runtime_token", true },
	{ "ACTIONS_RESULTS_URL", "server_url", true },
	{ "ACTIONS_ID_TOKEN_REQUEST_URL", "actions_id_token_request_url", true },
	{ "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "actions_id_token_request_token", true },
};

static const struct from_row runner_rows[] = {
	{ "RUNNER_NAME", "name", false },
	{ "RUNNER_OS", "os", false },
	{ "RUNNER_ARCH", "arch", false },
	{ "RUNNER_TEMP", "temp", false },
	{ "RUNNER_TOOL_CACHE", "tool_cache", false },
	{ "RUNNER_ENVIRONMENT", "environment", false },
	{ "RUNNER_WORKSPACE", "workspace", false },
	{ "RUNNER_DEBUG", "debug", true },
};

static const struct from_row fixed_rows[] = {
	{ "GITHUB_ACTIONS", "true", false },
	{ "GITEA_ACTIONS", "true", false },
	{ "GITEA_ACTIONS_RUNNER_VERSION", VERSION, false },
};

static int env_rows(struct workflow *x, const char *context, const struct from_row *rows, size_t n,
		    struct vars *vars)
{
	struct err e = { 0 };
	const struct expr_value *from = workflow_get(x->contexts, context);
	for (size_t i = 0; i < n; i++) {
		const struct expr_value *v = expr_as_string(workflow_get(from, rows[i].key), x->a,
							    &e);
		if (!v)
			return -1;
		if ((v->n || !rows[i].optional) &&
		    vars_set(vars, rows[i].name, v->text, FLAGS, &e) < 0)
			return -1;
	}
	return 0;
}

static int env_default(struct workflow *x, struct vars *vars, struct err *e)
{
	const char *url = workflow_github(x, "server_url");
	for (size_t i = 0; i < sizeof fixed_rows / sizeof *fixed_rows; i++)
		if (vars_set(vars, fixed_rows[i].name, fixed_rows[i].key, FLAGS, e) < 0)
			return -1;
	if (env_rows(x, "github", github_rows, sizeof github_rows / sizeof *github_rows, vars) <
		    0 ||
	    env_rows(x, "runner", runner_rows, sizeof runner_rows / sizeof *runner_rows, vars) < 0)
		return err_set(e, ENOMEM, "out of memory");
	url = *url ? arena_printf(x->a, e, "%s/api/actions_pipeline/", url) : "";
	return url ? vars_set(vars, "ACTIONS_RUNTIME_URL", url, FLAGS, e) : -1;
}

static int env_vars(const struct expr_value *env, struct vars *vars, struct err *e)
{
	for (size_t i = 0; env->kind == EXPR_OBJECT && i < env->n; i++)
		if (vars_set(vars, env->pairs[i].key, env->pairs[i].value->text, FLAGS, e) < 0)
			return err_wrap(e, "env");
	return 0;
}

/* Low to high: the job's, the runner's, the step's own. */
static int all_vars(struct workflow *x, const struct expr_value *base, const struct expr_value *own,
		    struct vars *vars, struct err *e)
{
	if (vars_set(vars, "CI", "true", FLAGS, e) < 0 || env_vars(base, vars, e) < 0 ||
	    env_default(x, vars, e) < 0 || env_vars(own, vars, e) < 0)
		return -1;
	return vars_resolve(vars, e);
}

int workflow_step_env(struct workflow *x, const struct job_run *run, const char *action,
		      struct vars *ret_vars, struct err *e)
{
	const struct expr_value *base = stack(x, x->all->env, x->outer, e), *env;
	struct expr_value *own = expr_object_new(x->a, e);
	if (!base || !own || set_env(x, base, e) < 0 || workflow_put_job(x, e) < 0 ||
	    workflow_set_github(x, "action", action, e) < 0)
		return -1;
	own->exact = true;
	env = add_own(x, own, &run->env, e) < 0 ? NULL : stack(x, base, own, e);
	x->own = env ? stack(x, x->outer, own, e) : NULL;
	if (!x->own)
		return -1;
	return !env || set_env(x, env, e) < 0 ? -1 : all_vars(x, base, own, ret_vars, e);
}
