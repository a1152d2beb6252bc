/* A step from its condition to its place in the context `steps`. */
#include "executor/worker_flow.h"

#include "base/clock.h"
#include "base/str.h"
#include "executor/vars_default.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 32 << 10 };

/* --- the log ------------------------------------------------------------------------------------ */

void flow_show(struct flow *f, const char *text, size_t max)
{
	const char *s = text;
	while (*s && (size_t)(s - text) < max) {
		struct err e = { 0 };
		size_t n = strcspn(s, "\n");
		autobuf line = BUF(LINE_BYTES);
		if (buf_add(&line, s, n < LINE_BYTES ? n : LINE_BYTES, &e) == 0)
			joblog_say(&f->w->log, SAY_PLAIN, buf_cstr(&line));
		s += n + (s[n] == '\n');
	}
	if (*s)
		joblog_sayf(&f->w->log, SAY_WARNING, "%zu more bytes are not shown", strlen(s));
}

void flow_fail(struct flow_step *s, enum ending ending, const char *fmt, ...)
{
	char text[480];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	joblog_say(&s->f->w->log, SAY_ERROR, text);
	if (s->end.ending != ENDING_SUCCESS)
		return;
	s->end.ending = ending;
	s->end.code = s->end.code ? s->end.code : 1;
	snprintf(s->end.what, sizeof s->end.what, "%.*s", (int)sizeof s->end.what - 1, text);
}

/* --- the journal -------------------------------------------------------------------------------- */

/* Steps of actions are no steps for the server. */
static int tell(struct flow_step *s, const char *kind, const char *result, struct err *e)
{
	struct worker *w = s->f->w;
	char index[STR_NUM], code[STR_NUM];
	if (s->depth)
		return 0;
	joblog_section(&w->log, NULL, NULL);
	if (joblog_commit(&w->log, e) < 0)
		return -1;
	if (!result)
		return journal_event(&w->journal, e, kind, "name", s->job->id, "index",
				     str_num(index, s->index), NULL);
	return journal_event(&w->journal, e, kind, "name", s->job->id, "index",
			     str_num(index, s->index), "code", str_num(code, (uint64_t)s->end.code),
			     "result", result, NULL);
}

/* --- the beginning ------------------------------------------------------------------------------ */

/* A login's, the operator's, then the workflow's: each over the one before. */
static struct vars *variables(struct flow_step *s, struct err *e)
{
	struct worker *w = s->f->w;
	struct vars *v = vars_new(&w->arena, e);
	bool image = w->here->image->name[0]; /* it brings its own login */
	const char *action = *s->job->id ? s->job->id
					 : arena_printf(&w->arena, e, "__run_%u", s->f->serial + 1);
	if (!v || !action || (!image && vars_login(v, e) < 0) ||
	    vars_environment(v, w->settings.environment, e) < 0 ||
	    workflow_step_env(s->x, s->job, action, v, e) < 0)
		return NULL;
	return v;
}

/* The step's limit, if it is nearer than that of what it is in. */
static int set_limit(struct flow_step *s, struct err *e)
{
	uint64_t ms;
	char text[32];
	if (workflow_timeout(s->x, &s->job->timeout, &ms, e) < 0)
		return -1;
	uint64_t at = clock_ms() + ms;
	if (!ms || (s->before_ms && s->before_ms <= at))
		return 0;
	str_duration_text(ms, text, sizeof text);
	s->before_ms = at;
	s->limit_text = arena_strdup(&s->f->w->arena, text, e);
	return s->limit_text ? 0 : -1;
}

int flow_step_env(struct flow_step *s, struct err *e)
{
	s->vars = variables(s, e);
	return s->vars ? 0 : -1;
}

/* In front of the condition: it sees the step's env. */
int flow_step_begin(struct flow_step *s, struct err *e)
{
	struct expr_value *left = s->depth == 0 && s->f->states ? s->f->states[s->index] : NULL;
	if (s->depth == 0)
		s->f->remark[0] = '\0';
	s->outputs = expr_object_new(s->x->a, e);
	s->state = left || !s->outputs ? left : expr_object_new(s->x->a, e);
	s->title = "";
	return s->state ? flow_step_env(s, e) : -1;
}

/* The name as the log has it, up to its first line's end; "" when it has none. */
static int set_title(struct flow_step *s, struct err *e)
{
	const char *name = workflow_text(s->x, &s->job->name, e);
	s->title = name ? arena_strndup(s->x->a, name, strcspn(name, "\n"), e) : NULL;
	return s->title ? 0 : -1;
}

static int evaluate(struct flow_step *s, struct err *e)
{
	if (set_title(s, e) < 0 || set_limit(s, e) < 0)
		return -1;
	return workflow_flag(s->x, &s->job->carry_on, &s->carry_on, e);
}

/* --- the end ------------------------------------------------------------------------------------ */

static const char *outcome_of(const struct flow_step *s)
{
	return s->end.stopped                    ? "cancelled"
	       : s->end.ending == ENDING_SUCCESS ? "success"
						 : "failure";
}

void flow_blame(struct flow_step *s)
{
	struct verdict *v = &s->f->w->verdict;
	if (s->end.ending == ENDING_SUCCESS || s->end.stopped || s->depth || s->carry_on)
		return;
	if (str_starts(s->end.what, "Process completed"))
		verdict_set(v, ENDING_SCRIPT, "exit status %d", s->end.code);
	if (v->ending == ENDING_SUCCESS)
		verdict_set(v, s->end.ending, "%s", s->end.what);
	v->exit_code = s->end.ending == ENDING_SCRIPT ? s->end.code : 0;
	verdict_evidence(v, "step %zu: %s%s%s", s->index + 1, s->title, *s->f->remark ? "; " : "",
			 s->f->remark);
}

/* What its end means for its scope. */
static int finish(struct flow_step *s, struct err *e)
{
	struct workflow_ended by = { .outputs = s->outputs, .outcome = outcome_of(s) };
	bool failed = s->end.ending != ENDING_SUCCESS && !s->end.stopped;
	by.conclusion = failed && s->carry_on ? "success" : by.outcome;
	if (s->end.stopped && s->depth == 0)
		worker_stop_verdict(s->f->w);
	flow_blame(s);
	if (failed && !s->carry_on)
		s->x->failed = true;
	if (workflow_step_ended(s->x, s->job->id, &by, e) < 0)
		return -1;
	return tell(s, "step_end", by.conclusion, e);
}

static int skip(struct flow_step *s, struct err *e)
{
	struct workflow_ended by = { s->outputs, "skipped", "skipped" };
	if (workflow_step_ended(s->x, s->job->id, &by, e) < 0)
		return -1;
	return tell(s, "step_end", "skipped", e);
}

/* --- a step ------------------------------------------------------------------------------------- */

static int perform(struct flow_step *s, struct err *e)
{
	struct err why = { 0 };
	if (evaluate(s, &why) < 0) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	return s->job->uses.line ? flow_action_run(s, e) : flow_script_run(s, e);
}

void flow_look_cancelled(struct flow *f)
{
	if (f->w->stop != STOP_CANCEL)
		return;
	f->x.all->cancelled = true;
	f->w->until = STOP_TIMEOUT; /* what still runs is not disturbed by that */
}

static int run_step(struct flow_step *s, struct err *e)
{
	struct worker *w = s->f->w;
	struct err why = { 0 };
	bool go = false, over = w->stop >= STOP_TIMEOUT || w->box.dead;
	flow_look_cancelled(s->f);
	if (flow_step_begin(s, &why) == 0 &&
	    (over || workflow_condition(s->x, &s->job->condition, &go, &why) == 0)) {
		if (!go)
			return skip(s, e);
		if (tell(s, "step_start", NULL, e) < 0 || perform(s, e) < 0)
			return -1;
		return finish(s, e);
	}
	if (tell(s, "step_start", NULL, e) < 0)
		return -1;
	flow_fail(s, ENDING_CONFIG, "%s", why.msg);
	return finish(s, e);
}

int flow_steps_run(struct flow *f, struct workflow *x, const struct flow_steps *steps,
		   struct flow_end *ret_end, struct err *e)
{
	*ret_end = (struct flow_end){ 0 };
	for (size_t i = 0; i < steps->n; i++) {
		struct flow_step s = {
			.f = f,
			.x = x,
			.job = &steps->runs[i],
			.index = i,
			.depth = steps->depth,
			.before_ms = steps->before_ms,
			.limit_text = steps->limit_text,
		};
		if (run_step(&s, e) < 0)
			return -1;
		if (ret_end->ending == ENDING_SUCCESS && !ret_end->stopped && !s.carry_on)
			*ret_end = s.end;
	}
	return 0;
}
