/* From `uses:` to who runs it. */
#include "executor/worker_action.h"
#include "executor/worker_remote.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* A kind of `uses:`. prepare: before the first step, may be NULL; run NULL: refused with `why`. */
struct kind_row {
	int (*prepare)(struct worker *w, const struct uses *u, struct err *e);
	action_run *run;
	const char *why;
};

/* It is there before the first step. */
static int prepare_remote(struct worker *w, const struct uses *u, struct err *e)
{
	return worker_remote_get(w, u, e) ? 0 : -1;
}

static const struct kind_row kinds[USES_KINDS] = {
	[USES_LOCAL] = { NULL, NULL, "an action of the workspace is not supported yet" },
	[USES_REMOTE] = { prepare_remote, NULL,
			  "an action of another repository is not supported yet" },
	[USES_IMAGE] = { NULL, NULL, "an image as an action is not supported yet" },
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

/* Whose fault it is that a step cannot have what it uses (executor/worker_remote.h). */
static enum ending ending_of(int code)
{
	static const struct {
		int code;
		enum ending ending;
	} rows[] = {
		{ EOPNOTSUPP, ENDING_UNSUPPORTED },
		{ EHOSTUNREACH, ENDING_EXTERNAL },
		{ EIO, ENDING_INFRA },
		{ ECANCELED, ENDING_CANCELLED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == code)
			return rows[i].ending;
	return ENDING_CONFIG;
}

/* For each step that uses something; the verdict is set by the first that fails. */
static int each(struct worker *w,
		int (*look)(struct worker *w, const struct uses *u, struct err *e))
{
	const struct job_workflow *flow = w->job->workflow;
	for (size_t i = 0; flow && i < flow->nruns; i++) {
		const struct job_text *t = &flow->runs[i].uses;
		struct err e = { 0 };
		struct uses u;
		if (!t->line ||
		    (uses_parse(t->text, &w->arena, &u, &e) == 0 && look(w, &u, &e) == 0))
			continue;
		if (e.code == ECANCELED && w->stop)
			worker_stop_verdict(w);
		verdict_set(&w->verdict, ending_of(e.code),
			    "line %u, column %u: `uses: %.200s`: %s", t->line, t->col, t->text,
			    e.msg);
		return -1;
	}
	return 0;
}

static int check(struct worker *w, const struct uses *u, struct err *e)
{
	const struct kind_row *k = &kinds[u->kind];
	(void)w;
	return k->run || builtin_of(u) ? 0 : err_set(e, EOPNOTSUPP, "%s", k->why);
}

static int prepare(struct worker *w, const struct uses *u, struct err *e)
{
	const struct kind_row *k = &kinds[u->kind];
	return k->prepare && !builtin_of(u) ? k->prepare(w, u, e) : 0;
}

int worker_uses_check(struct worker *w)
{
	return each(w, check);
}

int worker_uses_prepare(struct worker *w)
{
	return each(w, prepare);
}

int worker_uses_run(struct action_step *s, struct err *e)
{
	const struct action_builtin *b = builtin_of(&s->uses);
	const struct kind_row *k = &kinds[s->uses.kind];
	if (b)
		return b->run(s, e);
	return k->run ? k->run(s, e) : err_set(e, EOPNOTSUPP, "%s", k->why);
}
