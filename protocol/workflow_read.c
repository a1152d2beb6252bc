#include "protocol/workflow_read.h"

#include "base/str.h"
#include "protocol/workflow_part.h"

#include <string.h>

enum { MINUTES_MAX = 30 * 24 * 60 };

static const struct workflow_refused job_keys[] = {
	{ "uses", "`uses:` of a job (a reusable workflow) is not supported yet" },
};

/* --- the job ------------------------------------------------------------------------------------ */

/* defaults.run: the job's keys before the workflow's. */
static int take_defaults(struct workflow_reading *r, const struct yaml_node *root,
			 const struct yaml_node *job)
{
	const struct yaml_node *levels[] = { root, job };
	r->w->shell = r->w->directory = (struct job_text){ .text = "" };
	for (size_t i = 0; i < 2; i++) {
		const struct yaml_node *run = workflow_member(
			workflow_member(levels[i], "defaults"), "run");
		struct job_text shell, directory;
		if (workflow_take_text(r, run, "shell", &shell) < 0 ||
		    workflow_take_text(r, run, "working-directory", &directory) < 0)
			return -1;
		r->w->shell = shell.line ? shell : r->w->shell;
		r->w->directory = directory.line ? directory : r->w->directory;
	}
	return 0;
}

/* What is no whole number of minutes is evaluated when the job runs. */
static int take_timeout(struct workflow_reading *r, const struct yaml_node *job, unsigned *ret)
{
	uint64_t minutes;
	*ret = 0;
	if (workflow_take_text(r, job, "timeout-minutes", &r->w->timeout) < 0 ||
	    workflow_take_text(r, job, "continue-on-error", &r->w->carry_on) < 0)
		return -1;
	if (str_u64(r->w->timeout.text, MINUTES_MAX, &minutes)) {
		*ret = (unsigned)minutes * 60;
		r->w->timeout = (struct job_text){ .text = "" };
	}
	return 0;
}

/* A text, or a list of them: what the server has evaluated. */
static int take_runs_on(struct workflow_reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = workflow_member(job, "runs-on");
	size_t n = !v ? 0 : v->kind == YAML_LIST ? v->count : 1;
	const char **labels = arena_array(r->a, n + 1, sizeof *labels, r->e);
	if (!labels)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item = v->kind == YAML_LIST ? v->items[i] : v;
		if (item->kind >= YAML_LIST)
			return workflow_fail(r, item, "a label is expected");
		labels[i] = item->text;
	}
	r->w->runs_on = labels;
	r->w->nruns_on = n;
	return 0;
}

static int take_steps(struct workflow_reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = workflow_member(job, "steps");
	if (v)
		return workflow_take_steps(r, v, &r->w->runs, &r->w->nruns);
	return workflow_member(job, "uses") ? 0 : workflow_fail(r, job, "the job has no steps");
}

/* The one member of jobs. */
static const struct yaml_pair *job_of(struct workflow_reading *r, const struct yaml_node *root)
{
	const struct yaml_node *jobs = yaml_get(root, "jobs");
	if (root->kind != YAML_MAP || !jobs || jobs->kind != YAML_MAP || jobs->count != 1) {
		workflow_fail(r, jobs ? jobs : root, "one job is expected in jobs");
		return NULL;
	}
	if (jobs->pairs[0].value->kind == YAML_MAP)
		return &jobs->pairs[0];
	workflow_fail(r, jobs->pairs[0].value, "a job is expected to be a mapping");
	return NULL;
}

/* All of a job but its steps and what becomes of them. */
static int take_job(struct workflow_reading *r, const struct yaml_node *root,
		    const struct yaml_node *job)
{
	struct job_text name;
	if (workflow_take_text(r, job, "if", &r->w->condition) < 0 ||
	    workflow_take_map(r, root, "env", &r->w->env[0]) < 0 ||
	    workflow_take_map(r, job, "env", &r->w->env[1]) < 0 ||
	    workflow_take_map(r, job, "outputs", &r->w->outputs) < 0 ||
	    workflow_take_text(r, root, "name", &name) < 0 || take_defaults(r, root, job) < 0 ||
	    take_runs_on(r, job) < 0)
		return -1;
	r->w->name = name.text;
	return workflow_refuse_keys(r, job, job_keys, sizeof job_keys / sizeof *job_keys);
}

int workflow_read(const char *text, size_t n, struct arena *a, struct workflow_read *ret,
		  struct err *e)
{
	const struct yaml_node *root = yaml_read(text, n, a, e);
	struct workflow_reading r = { .a = a, .refusal = "", .e = e };
	r.w = root ? arena_new(a, struct job_workflow, e) : NULL;
	if (!r.w)
		return -1;
	const struct yaml_pair *pair = job_of(&r, root);
	if (!pair)
		return -1;
	const struct yaml_node *job = pair->value;
	struct job_text name;
	unsigned timeout_s;
	if (workflow_take_text(&r, job, "name", &name) < 0 || take_job(&r, root, job) < 0 ||
	    take_timeout(&r, job, &timeout_s) < 0 || workflow_take_containers(&r, job) < 0 ||
	    take_steps(&r, job) < 0)
		return -1;
	r.w->refusal = r.refusal;
	r.w->server_url = r.w->actions_url = "";
	*ret = (struct workflow_read){
		.workflow = r.w,
		.key = pair->key->text,
		.name = *name.text ? name.text : pair->key->text,
		.timeout_s = timeout_s,
		.strategy = workflow_member(job, "strategy"),
	};
	return 0;
}
