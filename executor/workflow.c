/* Contexts: what the server gave, completed by what only the runner knows; scopes. */
#include "executor/workflow.h"

#include "executor/expr_json.h"
#include "executor/workflow_value.h"

#include <errno.h>
#include <string.h>

#if defined __aarch64__
#define ARCHITECTURE "ARM64"
#else
#define ARCHITECTURE "X64"
#endif

int workflow_put(struct workflow *x, struct expr_value *object, const char *key,
		 const struct expr_value *v, struct err *e)
{
	struct expr_pair p = { key, strlen(key), v };
	return v ? expr_object_set(object, &p, x->a, e) : -1;
}

int workflow_put_text(struct workflow *x, struct expr_value *object, const char *key,
		      const char *text, struct err *e)
{
	return workflow_put(x, object, key, expr_string(text, strlen(text), x->a, e), e);
}

const struct expr_value *workflow_get(const struct expr_value *object, const char *key)
{
	const struct expr_value *v = object && object->kind == EXPR_OBJECT
					     ? expr_object_get(object, key, strlen(key))
					     : NULL;
	return v ? v : &expr_null;
}

/* --- github ------------------------------------------------------------------------------------- */

const char *workflow_github(const struct workflow *x, const char *key)
{
	const struct expr_value *v = workflow_get(x->github, key);
	return v->kind == EXPR_STRING ? v->text : "";
}

int workflow_set_github(struct workflow *x, const char *key, const char *value, struct err *e)
{
	return workflow_put_text(x, x->github, key, value, e);
}

static int share_github(struct workflow *x, struct err *e)
{
	static const char *const names[] = { "github", "gitea", "forge" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (workflow_put(x, x->contexts, names[i], x->github, e) < 0)
			return -1;
	return 0;
}

struct fact_row {
	const char *key, *value;
};

/* What the server leaves empty or writes in its own way. */
static int mend_github(struct workflow *x, const struct workflow_facts *f, struct err *e)
{
	/* the object is ours: it was read a moment ago */
	x->github = (struct expr_value *)(uintptr_t)workflow_get(x->contexts, "github");
	if (x->github->kind != EXPR_OBJECT)
		return err_set(e, EINVAL, "the context github is no object");
	const struct expr_value *url = workflow_get(x->github, "server_url");
	size_t n = url->kind == EXPR_STRING ? url->n : 0;
	while (n && url->text[n - 1] == '/')
		n--;
	if (n &&
	    workflow_put(x, x->github, "server_url", expr_string(url->text, n, x->a, e), e) < 0)
		return -1;
	const struct fact_row rows[] = {
		{ "workspace", f->workspace },
		{ "event_path", f->event_path },
		{ "workflow", *x->job->name ? x->job->name : workflow_github(x, "workflow") },
		{ "triggering_actor", *workflow_github(x, "triggering_actor")
					      ? workflow_github(x, "triggering_actor")
					      : workflow_github(x, "actor") },
		{ "retention_days", *workflow_github(x, "retention_days")
					    ? workflow_github(x, "retention_days")
					    : "0" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (workflow_set_github(x, rows[i].key, rows[i].value, e) < 0)
			return -1;
	return share_github(x, e);
}

/* --- the runner, the job ------------------------------------------------------------------------ */

/* ACTIONS_STEP_DEBUG or ACTIONS_RUNNER_DEBUG, a secret or a variable. */
static bool debug_asked(const struct workflow *x)
{
	static const char *const contexts[] = { "secrets", "vars" };
	static const char *const names[] = { "ACTIONS_STEP_DEBUG", "ACTIONS_RUNNER_DEBUG" };
	for (size_t i = 0; i < 4; i++) {
		const struct expr_value *v = workflow_get(
			workflow_get(x->contexts, contexts[i / 2]), names[i % 2]);
		if (v->kind == EXPR_STRING && strcmp(v->text, "true") == 0)
			return true;
	}
	return false;
}

static int put_runner(struct workflow *x, const struct workflow_facts *f, struct err *e)
{
	struct expr_value *runner = expr_object_new(x->a, e);
	const struct fact_row rows[] = {
		{ "name", f->runner_name },
		{ "os", "Linux" },
		{ "arch", ARCHITECTURE },
		{ "temp", f->temp },
		{ "tool_cache", "/opt/hostedtoolcache" },
		{ "environment", "self-hosted" },
		{ "workspace", f->workspace },
	};
	for (size_t i = 0; runner && i < sizeof rows / sizeof *rows; i++)
		if (workflow_put_text(x, runner, rows[i].key, rows[i].value, e) < 0)
			return -1;
	x->all->debug = debug_asked(x);
	if (!runner || (x->all->debug && workflow_put_text(x, runner, "debug", "1", e) < 0))
		return -1;
	return workflow_put(x, x->contexts, "runner", runner, e);
}

int workflow_put_job(struct workflow *x, struct err *e)
{
	struct expr_value *job = expr_object_new(x->a, e);
	const char *status = x->all->cancelled ? "cancelled" : x->failed ? "failure" : "success";
	if (!job || workflow_put_text(x, job, "status", status, e) < 0)
		return -1;
	if (x->all->container && workflow_put(x, job, "container", x->all->container, e) < 0)
		return -1;
	if (x->all->services && workflow_put(x, job, "services", x->all->services, e) < 0)
		return -1;
	return workflow_put(x, x->contexts, "job", job, e);
}

/* --- scopes ------------------------------------------------------------------------------------- */

static int read_contexts(struct workflow *x, struct err *e)
{
	for (size_t i = 0; i < x->job->ncontexts; i++) {
		const struct job_context *c = &x->job->contexts[i];
		const struct expr_value *v = expr_json_read(c->json, strlen(c->json), x->a, e);
		if (!v)
			return err_wrap(e, "context %s", c->name);
		if (workflow_put(x, x->contexts, c->name, v, e) < 0)
			return -1;
	}
	return 0;
}

int workflow_open(struct workflow *x, const struct job_workflow *job,
		  const struct workflow_facts *facts, struct arena *a, struct err *e)
{
	*x = (struct workflow){ .job = job, .a = a, .place = "the workflow" };
	x->all = arena_new(a, struct workflow_shared, e);
	x->contexts = x->all ? expr_object_new(a, e) : NULL;
	x->steps = x->contexts ? expr_object_new(a, e) : NULL;
	if (!x->steps)
		return -1;
	x->all->path = "";
	x->outer = x->own = &expr_null;
	if (read_contexts(x, e) < 0 || mend_github(x, facts, e) < 0 ||
	    put_runner(x, facts, e) < 0 || workflow_put_job(x, e) < 0 ||
	    workflow_put(x, x->contexts, "steps", x->steps, e) < 0)
		return -1;
	return workflow_open_env(x, e);
}

/* The members of from but the one of that name. NULL with e set. */
static struct expr_value *copy_without(struct workflow *x, const struct expr_value *from,
				       const char *name, struct err *e)
{
	struct expr_value *to = expr_object_new(x->a, e);
	for (size_t i = 0; to && i < from->n; i++)
		if (strcmp(from->pairs[i].key, name) != 0 &&
		    expr_object_set(to, &from->pairs[i], x->a, e) < 0)
			return NULL;
	return to;
}

int workflow_enter(struct workflow *x, const struct workflow *outer,
		   const struct workflow_entry *by, struct err *e)
{
	*x = *outer;
	x->failed = false;
	x->place = by->place;
	x->outer = x->own = outer->own;
	x->contexts = copy_without(x, outer->contexts, "secrets", e);
	x->github = x->contexts ? copy_without(x, outer->github, "", e) : NULL;
	x->steps = x->github ? expr_object_new(x->a, e) : NULL;
	if (!x->steps || share_github(x, e) < 0 || workflow_put_job(x, e) < 0 ||
	    workflow_put(x, x->contexts, "steps", x->steps, e) < 0 ||
	    workflow_put(x, x->contexts, "inputs", by->inputs, e) < 0)
		return -1;
	return workflow_set_github(x, "action_path", by->path, e);
}

int workflow_step_ended(struct workflow *x, const char *id, const struct workflow_ended *by,
			struct err *e)
{
	struct expr_value *step = *id ? expr_object_new(x->a, e) : NULL;
	if (!*id)
		return 0;
	if (!step || workflow_put(x, step, "outputs", by->outputs, e) < 0 ||
	    workflow_put_text(x, step, "outcome", by->outcome, e) < 0 ||
	    workflow_put_text(x, step, "conclusion", by->conclusion, e) < 0)
		return -1;
	return workflow_put(x, x->steps, id, step, e);
}

int workflow_event(const struct workflow *x, struct buf *out, struct err *e)
{
	return expr_json_write(out, workflow_get(x->github, "event"), e);
}
