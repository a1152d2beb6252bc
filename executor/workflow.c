#include "executor/workflow.h"

#include "executor/expr_json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { MINUTES_MAX = 30 * 24 * 60 };

#if defined __aarch64__
#define ARCHITECTURE "ARM64"
#else
#define ARCHITECTURE "X64"
#endif

/* --- contexts ----------------------------------------------------------------------------------- */

static int put(struct workflow *x, struct expr_value *object, const char *key,
	       const struct expr_value *v, struct err *e)
{
	struct expr_pair p = { key, strlen(key), v };
	return v ? expr_object_set(object, &p, x->a, e) : -1;
}

static int put_text(struct workflow *x, struct expr_value *object, const char *key,
		    const char *text, struct err *e)
{
	return put(x, object, key, expr_string(text, strlen(text), x->a, e), e);
}

static const struct expr_value *get(const struct expr_value *object, const char *key)
{
	const struct expr_value *v = object && object->kind == EXPR_OBJECT
					     ? expr_object_get(object, key, strlen(key))
					     : NULL;
	return v ? v : &expr_null;
}

/* github, as the runner completes it: what the server leaves empty or writes in its own way. */
static int mend_github(struct workflow *x, const struct workflow_facts *f, struct err *e)
{
	/* the object is ours: it was read a moment ago */
	struct expr_value *github = (struct expr_value *)(uintptr_t)get(x->contexts, "github");
	const struct expr_value *url = get(github, "server_url");
	if (github->kind != EXPR_OBJECT)
		return err_set(e, EINVAL, "the context github is no object");
	size_t n = url->kind == EXPR_STRING ? url->n : 0;
	while (n && url->text[n - 1] == '/')
		n--;
	if (n && put(x, github, "server_url", expr_string(url->text, n, x->a, e), e) < 0)
		return -1;
	if (put_text(x, github, "workspace", f->workspace, e) < 0 ||
	    put_text(x, github, "event_path", f->event_path, e) < 0)
		return -1;
	return put(x, x->contexts, "gitea", github, e) < 0 ||
			       put(x, x->contexts, "forge", github, e) < 0
		       ? -1
		       : 0;
}

static int put_runner(struct workflow *x, const struct workflow_facts *f, struct err *e)
{
	struct expr_value *runner = expr_object_new(x->a, e);
	if (!runner || put_text(x, runner, "name", f->runner_name, e) < 0 ||
	    put_text(x, runner, "os", "Linux", e) < 0 ||
	    put_text(x, runner, "arch", ARCHITECTURE, e) < 0 ||
	    put_text(x, runner, "temp", f->temp, e) < 0 ||
	    put_text(x, runner, "tool_cache", "/opt/hostedtoolcache", e) < 0 ||
	    put_text(x, runner, "environment", "self-hosted", e) < 0)
		return -1;
	return put(x, x->contexts, "runner", runner, e);
}

static int put_job(struct workflow *x, struct err *e)
{
	struct expr_value *job = expr_object_new(x->a, e);
	const char *status = x->cancelled ? "cancelled" : x->failed ? "failure" : "success";
	if (!job || put_text(x, job, "status", status, e) < 0)
		return -1;
	return put(x, x->contexts, "job", job, e);
}

static int read_contexts(struct workflow *x, struct err *e)
{
	for (size_t i = 0; i < x->job->ncontexts; i++) {
		const struct job_context *c = &x->job->contexts[i];
		const struct expr_value *v = expr_json_read(c->json, strlen(c->json), x->a, e);
		if (!v)
			return err_wrap(e, "context %s", c->name);
		if (put(x, x->contexts, c->name, v, e) < 0)
			return -1;
	}
	return 0;
}

/* --- texts -------------------------------------------------------------------------------------- */

static int status(void *arg, enum expr_status which, bool *ret, struct err *e)
{
	const struct workflow *x = arg;
	(void)e;
	const bool rows[] = {
		[EXPR_SUCCESS] = !x->failed && !x->cancelled,
		[EXPR_FAILURE] = x->failed && !x->cancelled,
		[EXPR_ALWAYS] = true,
		[EXPR_CANCELLED] = x->cancelled,
	};
	*ret = rows[which];
	return 0;
}

static int place(const struct job_text *t, struct err *e)
{
	return err_wrap(e, "the value at line %u, column %u of the workflow", t->line, t->col);
}

/* NULL with e set. status functions are for conditions only. */
static const struct expr_value *evaluate(struct workflow *x, const struct job_text *t,
					 struct err *e)
{
	struct expr_scope scope = { .contexts = x->contexts };
	struct expr run = { .a = x->a, .scope = &scope };
	const struct expr_value *v = expr_template(&run, t->text, strlen(t->text), e);
	if (!v)
		place(t, e);
	return v;
}

const char *workflow_text(struct workflow *x, const struct job_text *t, struct err *e)
{
	if (!strstr(t->text, "${{"))
		return t->text;
	const struct expr_value *v = evaluate(x, t, e);
	v = v ? expr_as_string(v, x->a, e) : NULL;
	if (!v)
		return NULL;
	if (strlen(v->text) == v->n)
		return v->text;
	err_set(e, EINVAL, "it holds a NUL");
	place(t, e);
	return NULL;
}

int workflow_condition(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
{
	struct expr_scope scope = { .contexts = x->contexts, .status = status, .arg = x };
	struct expr run = { .a = x->a, .scope = &scope };
	if (put_job(x, e) < 0)
		return -1;
	return expr_condition(&run, t->text, strlen(t->text), ret, e) < 0 ? place(t, e) : 0;
}

int workflow_flag(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
{
	const struct expr_value *v = *t->text ? evaluate(x, t, e) : &expr_false;
	if (!v)
		return -1;
	*ret = v->kind == EXPR_BOOL ? v->truth
				    : v->kind == EXPR_STRING && strcmp(v->text, "true") == 0;
	return 0;
}

int workflow_timeout(struct workflow *x, const struct job_text *t, uint64_t *ret_ms, struct err *e)
{
	const struct expr_value *v = *t->text ? evaluate(x, t, e) : &expr_null;
	if (!v)
		return -1;
	double minutes = expr_as_number(v);
	if (isnan(minutes) || minutes < 0 || minutes > MINUTES_MAX) {
		err_set(e, EINVAL, "timeout-minutes is no number of minutes");
		return place(t, e);
	}
	*ret_ms = (uint64_t)(minutes * 60000);
	return 0;
}

/* --- environments ------------------------------------------------------------------------------- */

/* base and then own on top, its values evaluated in the contexts as they are. NULL with e set. */
static const struct expr_value *env_over(struct workflow *x, const struct expr_value *base,
					 const struct job_env *own, struct err *e)
{
	struct expr_value *env = expr_object_new(x->a, e);
	if (!env)
		return NULL;
	env->exact = true;
	for (size_t i = 0; i < base->n; i++)
		if (expr_object_set(env, &base->pairs[i], x->a, e) < 0)
			return NULL;
	for (size_t i = 0; i < own->n; i++) {
		const char *text = workflow_text(x, &own->pairs[i].value, e);
		if (!text || put_text(x, env, own->pairs[i].key, text, e) < 0)
			return NULL;
	}
	return env;
}

static int set_env(struct workflow *x, const struct expr_value *env, struct err *e)
{
	return put(x, x->contexts, "env", env, e);
}

int workflow_open(struct workflow *x, const struct job_workflow *job,
		  const struct workflow_facts *facts, struct arena *a, struct err *e)
{
	*x = (struct workflow){ .job = job, .a = a, .contexts = expr_object_new(a, e) };
	const struct expr_value *none = x->contexts ? expr_object_new(a, e) : NULL;
	if (!none || read_contexts(x, e) < 0 || mend_github(x, facts, e) < 0 ||
	    put_runner(x, facts, e) < 0 || put_job(x, e) < 0 || set_env(x, none, e) < 0)
		return -1;
	x->env = none;
	for (size_t i = 0; i < sizeof job->env / sizeof *job->env; i++) {
		x->env = env_over(x, x->env, &job->env[i], e);
		if (!x->env || set_env(x, x->env, e) < 0)
			return -1;
	}
	return 0;
}

struct github_row {
	const char *name, *key;
};

/* The members of github that are in every step's environment. */
static const struct github_row github_rows[] = {
	{ "GITHUB_ACTOR", "actor" },
	{ "GITHUB_API_URL", "api_url" },
	{ "GITHUB_BASE_REF", "base_ref" },
	{ "GITHUB_EVENT_NAME", "event_name" },
	{ "GITHUB_EVENT_PATH", "event_path" },
	{ "GITHUB_GRAPHQL_URL", "graphql_url" },
	{ "GITHUB_HEAD_REF", "head_ref" },
	{ "GITHUB_JOB", "job" },
	{ "GITHUB_REF", "ref" },
	{ "GITHUB_REF_NAME", "ref_name" },
	{ "GITHUB_REF_PROTECTED", "ref_protected" },
	{ "GITHUB_REF_TYPE", "ref_type" },
	{ "GITHUB_REPOSITORY", "repository" },
	{ "GITHUB_REPOSITORY_OWNER", "repository_owner" },
	{ "GITHUB_RUN_ATTEMPT", "run_attempt" },
	{ "GITHUB_RUN_ID", "run_id" },
	{ "GITHUB_RUN_NUMBER", "run_number" },
	{ "GITHUB_SERVER_URL", "server_url" },
	{ "GITHUB_SHA", "sha" },
	{ "GITHUB_TRIGGERING_ACTOR", "triggering_actor" },
	{ "GITHUB_WORKFLOW", "workflow" },
	{ "GITHUB_WORKSPACE", "workspace" },
};

static const struct github_row runner_rows[] = {
	{ "RUNNER_NAME", "name" },
	{ "RUNNER_OS", "os" },
	{ "RUNNER_ARCH", "arch" },
	{ "RUNNER_TEMP", "temp" },
	{ "RUNNER_TOOL_CACHE", "tool_cache" },
	{ "RUNNER_ENVIRONMENT", "environment" },
};

static const struct github_row fixed_rows[] = {
	{ "CI", "true" },
	{ "GITHUB_ACTIONS", "true" },
	{ "GITEA_ACTIONS", "true" },
	{ "GITEA_ACTIONS_RUNNER_VERSION", VERSION },
};

enum { FLAGS = VAR_PUBLIC | VAR_RAW };

static int env_rows(struct workflow *x, const char *context, const struct github_row *rows,
		    size_t n, struct vars *vars)
{
	struct err e = { 0 };
	const struct expr_value *from = get(x->contexts, context);
	for (size_t i = 0; i < n; i++) {
		const struct expr_value *v = expr_as_string(get(from, rows[i].key), x->a, &e);
		if (!v || vars_set(vars, rows[i].name, v->text, FLAGS, &e) < 0)
			return -1;
	}
	return 0;
}

static int env_default(struct workflow *x, struct vars *vars, struct err *e)
{
	for (size_t i = 0; i < sizeof fixed_rows / sizeof *fixed_rows; i++)
		if (vars_set(vars, fixed_rows[i].name, fixed_rows[i].key, FLAGS, e) < 0)
			return -1;
	if (env_rows(x, "github", github_rows, sizeof github_rows / sizeof *github_rows, vars) <
		    0 ||
	    env_rows(x, "runner", runner_rows, sizeof runner_rows / sizeof *runner_rows, vars) < 0)
		return err_set(e, ENOMEM, "out of memory");
	return 0;
}

int workflow_step_env(struct workflow *x, const struct job_env *own, struct vars *ret_vars,
		      struct err *e)
{
	if (set_env(x, x->env, e) < 0 || put_job(x, e) < 0)
		return -1;
	const struct expr_value *env = env_over(x, x->env, own, e);
	if (!env || set_env(x, env, e) < 0 || env_default(x, ret_vars, e) < 0)
		return -1;
	for (size_t i = 0; i < env->n; i++)
		if (vars_set(ret_vars, env->pairs[i].key, env->pairs[i].value->text, FLAGS, e) < 0)
			return err_wrap(e, "env");
	return vars_resolve(ret_vars, e);
}

int workflow_event(const struct workflow *x, struct buf *out, struct err *e)
{
	return expr_json_write(out, get(get(x->contexts, "github"), "event"), e);
}
