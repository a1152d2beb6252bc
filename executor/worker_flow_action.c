/* Steps that use an action. */
#include "executor/worker_flow.h"

#include <errno.h>
#include <string.h>

static int evaluate(struct flow_step *s, struct err *e)
{
	const struct job_env *with = &s->job->with;
	struct action_input *inputs = arena_array(s->x->a, with->n, sizeof *inputs, e);
	if (!inputs || uses_parse(s->job->uses.text, s->x->a, &s->uses, e) < 0)
		return -1;
	for (size_t i = 0; i < with->n; i++) {
		inputs[i].name = with->pairs[i].key;
		inputs[i].value = workflow_text(s->x, &with->pairs[i].value, e);
		if (!inputs[i].value)
			return -1;
	}
	s->inputs = inputs;
	return 0;
}

static void show(struct flow_step *s)
{
	struct joblog *log = &s->f->w->log;
	joblog_section(log, "run", s->title);
	for (size_t i = 0; i < s->job->with.n; i++)
		joblog_sayf(log, SAY_PLAIN, "%s: %s", s->inputs[i].name, s->inputs[i].value);
	joblog_section(log, NULL, NULL);
}

int action_output(struct action_step *a, const char *name, const char *value, struct err *e)
{
	return workflow_put_text(a->x, a->outputs, name, value, e);
}

static struct action_step step_of(struct flow_step *s)
{
	return (struct action_step){
		.w = s->f->w,
		.x = s->x,
		.run = s->job,
		.step = s,
		.uses = s->uses,
		.inputs = s->inputs,
		.ninputs = s->job->with.n,
		.vars = s->vars,
		.before_ms = s->before_ms,
		.outputs = s->outputs,
	};
}

int flow_action_pre(struct flow_step *s, struct err *e)
{
	struct err why = { 0 };
	if (evaluate(s, &why) < 0)
		return 0;
	s->title = s->uses.text;
	struct action_step a = step_of(s);
	return worker_uses_pre(&a, e);
}

int flow_action_run(struct flow_step *s, struct err *e)
{
	struct err why = { 0 };
	if (evaluate(s, &why) < 0) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	if (!*s->title)
		s->title = arena_printf(s->x->a, e, "Run %s", s->uses.text);
	if (!s->title)
		return -1;
	show(s);
	struct action_step a = step_of(s);
	if (worker_uses_run(&a, &why) < 0) {
		enum ending ending = worker_uses_ending(why.code);
		if (ending == ENDING_INFRA) {
			*e = why;
			return -1;
		}
		s->end.stopped = ending == ENDING_CANCELLED;
		if (!s->end.stopped)
			flow_fail(s, ending, "%s", why.msg);
	}
	s->end.stopped = s->end.stopped || a.stopped;
	if (a.code && !s->end.stopped)
		flow_fail(s, ENDING_SCRIPT, "%s did not succeed", s->uses.text);
	return 0;
}
