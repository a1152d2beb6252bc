/* From `uses:` to who runs it. */
#include "executor/worker_flow_image.h"
#include "executor/worker_remote.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* A kind of `uses:`. prepare: before the first step, may be NULL. */
struct kind_row {
	int (*prepare)(struct worker *w, const struct uses *u, struct err *e);
	action_run *run;
};

/* It is there before the first step, and with it the image that it runs in. */
static int prepare_remote(struct worker *w, const struct uses *u, struct err *e)
{
	const struct worker_remote *r = worker_remote_get(w, u, e);
	return r ? worker_action_prepare(w, u, r->root, e) : -1;
}

static int prepare_image(struct worker *w, const struct uses *u, struct err *e)
{
	return flow_image_get(w, u->image, e) ? 0 : -1;
}

/* One that another action uses is fetched now. */
static int run_remote(struct action_step *s, struct err *e)
{
	const struct worker_remote *r = worker_remote_get(s->w, &s->uses, e);
	return r ? worker_action_at(s, r->root, e) : -1;
}

static const struct kind_row kinds[USES_KINDS] = {
	[USES_LOCAL] = { NULL, worker_action_local },
	[USES_REMOTE] = { prepare_remote, run_remote },
	[USES_IMAGE] = { prepare_image, worker_action_image },
};

static const struct action_builtin *builtin_of(const struct uses *u)
{
	if (u->kind != USES_REMOTE || *u->path)
		return NULL;
	for (const struct action_builtin *b = action_builtins; b->name; b++)
		if (strcasecmp(b->name, u->repository) == 0)
			return b;
	return NULL;
}

const char *action_input(const struct action_step *s, const char *name)
{
	for (size_t i = 0; i < s->ninputs; i++)
		if (strcasecmp(s->inputs[i].name, name) == 0)
			return s->inputs[i].value;
	return "";
}

enum ending worker_uses_ending(int code)
{
	static const struct {
		int code;
		enum ending ending;
	} rows[] = {
		{ EOPNOTSUPP, ENDING_UNSUPPORTED },
		{ EHOSTUNREACH, ENDING_EXTERNAL },
		{ EREMOTEIO, ENDING_IMAGE },
		{ EIO, ENDING_INFRA },
		{ EPIPE, ENDING_INFRA },
		{ ETIMEDOUT, ENDING_INFRA },
		{ ENOMEM, ENDING_INFRA },
		{ ECANCELED, ENDING_CANCELLED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == code)
			return rows[i].ending;
	return ENDING_CONFIG;
}

/* For each step that uses something; the verdict is set by the first that fails. look NULL: whether it is one. */
static int each(struct worker *w,
		int (*look)(struct worker *w, const struct uses *u, struct err *e))
{
	const struct job_workflow *flow = w->job->workflow;
	for (size_t i = 0; flow && i < flow->nruns; i++) {
		const struct job_text *t = &flow->runs[i].uses;
		struct err e = { 0 };
		struct uses u;
		if (!t->line || (uses_parse(t->text, &w->arena, &u, &e) == 0 &&
				 (!look || look(w, &u, &e) == 0)))
			continue;
		if (e.code == ECANCELED && w->stop)
			worker_stop_verdict(w);
		verdict_set(&w->verdict, worker_uses_ending(e.code),
			    "line %u, column %u: `uses: %.200s`: %s", t->line, t->col, t->text,
			    e.msg);
		return -1;
	}
	return 0;
}

static int prepare(struct worker *w, const struct uses *u, struct err *e)
{
	const struct kind_row *k = &kinds[u->kind];
	return k->prepare && !builtin_of(u) ? k->prepare(w, u, e) : 0;
}

int worker_uses_check(struct worker *w)
{
	return each(w, NULL);
}

int worker_uses_prepare(struct worker *w)
{
	return each(w, prepare);
}

int worker_uses_pre(struct action_step *s, struct err *e)
{
	if (s->uses.kind != USES_REMOTE || builtin_of(&s->uses))
		return 0;
	const struct worker_remote *r = worker_remote_get(s->w, &s->uses, e);
	return r ? worker_action_pre(s, r->root, e) : -1;
}

static int post_builtin(struct flow_step *step, void *arg, struct err *e)
{
	struct action_step *s = arg;
	s->step = step;
	s->vars = step->vars;
	s->outputs = step->outputs;
	s->code = 0;
	s->stopped = false;
	const struct action_builtin *b = builtin_of(&s->uses);
	return b && b->post ? b->post(s, e) : 0;
}

/* At the end of the job, whatever becomes of it. */
static int keep_post(struct action_step *s, struct err *e)
{
	static const struct job_text always = { .text = "" };
	struct action_step *copy = arena_new(s->x->a, struct action_step, e);
	struct flow_post post = {
		.condition = &always, .place = "", .run = post_builtin, .arg = copy
	};
	if (!copy)
		return -1;
	*copy = *s;
	return flow_post_add(s->step, &post, e);
}

int worker_uses_run(struct action_step *s, struct err *e)
{
	const struct action_builtin *b = builtin_of(&s->uses);
	const struct kind_row *k = &kinds[s->uses.kind];
	if (b && b->post && keep_post(s, e) < 0)
		return -1;
	if (b)
		return b->run(s, e);
	return k->run(s, e);
}
