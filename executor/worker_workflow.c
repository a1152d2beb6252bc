/* The phase steps of a workflow job: its runs in order, each when its condition holds. */
#include "executor/worker.h"
#include "executor/vars_default.h"
#include "executor/worker_action.h"
#include "executor/worker_step.h"
#include "executor/workflow.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 16 << 20, TITLE_MAX = 200, LINE_BYTES = 32 << 10 };

/* One run on its way; the texts are evaluated. */
struct run {
	const struct job_run *job;
	size_t index;
	const char *title, *text, *shell, *directory;
	const struct shell_row *row;
	uint64_t timeout_ms;
	bool carry_on;
	struct vars *vars;
	struct uses uses; /* of a run that has no script */
	const struct action_input *inputs;
};

struct shell_row {
	const char *name;
	const char *argv[8]; /* ended by NULL; "{0}" is the script */
	const char *shown;
};

static const struct shell_row shells[] = {
	{ "", { "bash", "-e", "{0}" }, "bash -e {0}" },
	{ "bash",
	  { "bash", "--noprofile", "--norc", "-eo", "pipefail", "{0}" },
	  "bash --noprofile --norc -eo pipefail {0}" },
	{ "sh", { "sh", "-e", "{0}" }, "sh -e {0}" },
};

/* In an image there may be no bash: as GitHub does it there. */
static const struct shell_row *shell_find(const struct worker *w, const char *name)
{
	if (!*name && w->image.name[0])
		name = "sh";
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shells[i].name, name) == 0)
			return &shells[i];
	return NULL;
}

/* --- the journal -------------------------------------------------------------------------------- */

static int tell_start(struct worker *w, const struct run *r, struct err *e)
{
	char index[STR_NUM];
	joblog_section(&w->log, NULL, NULL);
	if (joblog_commit(&w->log, e) < 0)
		return -1;
	return journal_event(&w->journal, e, "step_start", "name", r->job->id, "index",
			     str_num(index, r->index), NULL);
}

static int tell_end(struct worker *w, const struct run *r, const char *result, int code,
		    struct err *e)
{
	char index[STR_NUM], number[STR_NUM];
	joblog_section(&w->log, NULL, NULL);
	if (joblog_commit(&w->log, e) < 0)
		return -1;
	return journal_event(&w->journal, e, "step_end", "name", r->job->id, "index",
			     str_num(index, r->index), "code", str_num(number, (uint64_t)code),
			     "result", result, NULL);
}

/* --- one run ------------------------------------------------------------------------------------ */

/* What is set, the run's own before the defaults. */
static const struct job_text *either(const struct job_text *own, const struct job_text *other)
{
	return own->line ? own : other;
}

/* The first line of the script, for those without a name. */
static const char *title_of(struct worker *w, const struct run *r, struct err *e)
{
	if (r->job->uses.line)
		return arena_printf(&w->arena, e, "Run %s", r->uses.text);
	const char *text = r->text + strspn(r->text, " \t\n");
	return arena_printf(&w->arena, e, "Run %.*s", (int)strcspn(text, "\n"), text);
}

/* A login's, the operator's, GitHub's, the workflow's: each over the one before. */
static struct vars *variables(struct worker *w, struct workflow *x, const struct job_env *own,
			      struct err *e)
{
	struct vars *v = vars_new(&w->arena, e);
	bool image = w->image.name[0]; /* it brings its own login */
	if (!v || (!image && worker_base_env(v, e) < 0) ||
	    vars_environment(v, w->settings.environment, e) < 0 ||
	    workflow_step_env(x, own, v, e) < 0)
		return NULL;
	return v;
}

static int evaluate_script(struct worker *w, struct workflow *x, struct run *r, struct err *e)
{
	const struct job_run *j = r->job;
	r->text = workflow_text(x, &j->run, e);
	r->shell = workflow_text(x, either(&j->shell, &x->job->shell), e);
	r->directory = workflow_text(x, either(&j->directory, &x->job->directory), e);
	if (!r->text || !r->shell || !r->directory)
		return -1;
	r->row = shell_find(w, r->shell);
	return r->row ? 0
		      : err_set(e, EINVAL, "the shell \"%.80s\" is not supported yet", r->shell);
}

static int evaluate_action(struct worker *w, struct workflow *x, struct run *r, struct err *e)
{
	const struct job_run *j = r->job;
	struct action_input *inputs = arena_array(&w->arena, j->with.n, sizeof *inputs, e);
	if (!inputs || uses_parse(j->uses.text, &w->arena, &r->uses, e) < 0)
		return -1;
	for (size_t i = 0; i < j->with.n; i++) {
		inputs[i].name = j->with.pairs[i].key;
		inputs[i].value = workflow_text(x, &j->with.pairs[i].value, e);
		if (!inputs[i].value)
			return -1;
	}
	r->inputs = inputs;
	return 0;
}

static int evaluate(struct worker *w, struct workflow *x, struct run *r, struct err *e)
{
	const struct job_run *j = r->job;
	r->vars = variables(w, x, &j->env, e);
	if (!r->vars || workflow_timeout(x, &j->timeout, &r->timeout_ms, e) < 0 ||
	    workflow_flag(x, &j->carry_on, &r->carry_on, e) < 0)
		return -1;
	if ((j->uses.line ? evaluate_action(w, x, r, e) : evaluate_script(w, x, r, e)) < 0)
		return -1;
	r->title = *j->name.text ? workflow_text(x, &j->name, e) : title_of(w, r, e);
	return r->title ? 0 : -1;
}

static void show_script(struct worker *w, const struct run *r)
{
	for (const char *s = r->text; *s;) {
		struct err e = { 0 };
		size_t n = strcspn(s, "\n");
		autobuf line = BUF(LINE_BYTES);
		if (buf_add(&line, s, n < LINE_BYTES ? n : LINE_BYTES, &e) == 0)
			joblog_say(&w->log, SAY_PLAIN, buf_cstr(&line));
		s += n + (s[n] == '\n');
	}
	joblog_sayf(&w->log, SAY_PLAIN, "shell: %s", r->row->shown);
}

/* A group with the script, as people know it from GitHub. */
static void show(struct worker *w, const struct run *r)
{
	char title[TITLE_MAX];
	snprintf(title, sizeof title, "%s", r->title);
	title[strcspn(title, "\n")] = '\0';
	joblog_section(&w->log, "run", title);
	for (size_t i = 0; i < r->job->with.n; i++)
		joblog_sayf(&w->log, SAY_PLAIN, "%s: %s", r->inputs[i].name, r->inputs[i].value);
	if (r->text)
		show_script(w, r);
	joblog_section(&w->log, NULL, NULL);
}
/* The words for how a script ended, and the verdict, if the job does not go on all the same. */
static void explain(struct worker *w, const struct run *r, const struct worker_step *s)
{
	char text[32];
	str_duration_text(r->timeout_ms, text, sizeof text);
	if (s->timed_out)
		joblog_sayf(&w->log, SAY_ERROR, "The step took longer than %s.", text);
	else
		joblog_sayf(&w->log, SAY_ERROR, "Process completed with exit code %d.", s->code);
	if (r->carry_on)
		return;
	if (s->timed_out)
		verdict_set(&w->verdict, ENDING_TIMEOUT, "a step took longer than %s", text);
	else if (verdict_set(&w->verdict, ENDING_SCRIPT, "exit status %d", s->code))
		w->verdict.exit_code = s->code;
	verdict_evidence(&w->verdict, "step %zu: %s", r->index + 1, r->title);
}

/* What its end means for the job; the word for its result. */
static const char *settle(struct worker *w, struct workflow *x, const struct run *r,
			  const struct worker_step *s)
{
	if (s->stopped) {
		worker_stop_verdict(w);
		return "cancelled";
	}
	if (!s->code && !s->timed_out)
		return "success";
	explain(w, r, s);
	if (r->carry_on)
		return "success";
	x->failed = true;
	return "failure";
}

/* In the workspace, unless it says otherwise. */
static const char *directory_of(struct worker *w, const struct run *r, struct err *e)
{
	if (!*r->directory)
		return w->project_dir;
	return r->directory[0] == '/'
		       ? r->directory
		       : arena_printf(&w->arena, e, "%s/%s", w->project_dir, r->directory);
}

static const char *perform_action(struct worker *w, struct workflow *x, const struct run *r,
				  struct err *e)
{
	struct action_step a = {
		.w = w,
		.x = x,
		.run = r->job,
		.uses = r->uses,
		.inputs = r->inputs,
		.ninputs = r->job->with.n,
		.vars = r->vars,
		.timeout_ms = r->timeout_ms,
	};
	if (worker_uses_run(&a, e) < 0)
		return NULL;
	struct worker_step s = { .code = a.code, .timed_out = a.timed_out, .stopped = a.stopped };
	return settle(w, x, r, &s);
}

/* Run it. The word for its result, NULL with e set: it could not be run. */
static const char *perform(struct worker *w, struct workflow *x, const struct run *r, struct err *e)
{
	char name[32];
	const char *cwd = directory_of(w, r, e);
	snprintf(name, sizeof name, "step_%zu", r->index);
	struct worker_step s = {
		.name = name,
		.script = r->text,
		.argv = r->row->argv,
		.cwd = cwd,
		.vars = r->vars,
		.timeout_ms = r->timeout_ms,
		.until = x->cancelled ? STOP_TIMEOUT : STOP_CANCEL,
	};
	if (!cwd || worker_step_run(w, &s, e) < 0)
		return NULL;
	return settle(w, x, r, &s);
}

/* What is wrong with its texts fails it, not the machine. */
static void wrong(struct worker *w, struct workflow *x, const struct err *why)
{
	joblog_say(&w->log, SAY_ERROR, why->msg);
	verdict_set(&w->verdict, ENDING_CONFIG, "%s", why->msg);
	x->failed = true;
}

static int run_one(struct worker *w, struct workflow *x, struct run *r, struct err *e)
{
	struct err why = { 0 };
	const char *result = "failure";
	if (tell_start(w, r, e) < 0)
		return -1;
	if (evaluate(w, x, r, &why) < 0) {
		wrong(w, x, &why);
	} else {
		show(w, r);
		result = r->text ? perform(w, x, r, e) : perform_action(w, x, r, e);
		if (!result)
			return -1;
	}
	return tell_end(w, r, result, w->verdict.exit_code, e);
}

/* --- all of them -------------------------------------------------------------------------------- */

static int maybe_run(struct worker *w, struct workflow *x, size_t i, struct err *e)
{
	struct run r = { .job = &x->job->runs[i], .index = i };
	struct err why = { 0 };
	bool go = false;
	x->cancelled = x->cancelled || w->stop == STOP_CANCEL;
	if (w->stop < STOP_TIMEOUT && !w->box.dead &&
	    workflow_condition(x, &r.job->condition, &go, &why) < 0) {
		if (tell_start(w, &r, e) < 0)
			return -1;
		wrong(w, x, &why);
		return tell_end(w, &r, "failure", 0, e);
	}
	return go ? run_one(w, x, &r, e) : tell_end(w, &r, "skipped", 0, e);
}

static int run_all(struct worker *w, struct workflow *x, struct err *e)
{
	bool go = true;
	if (workflow_condition(x, &x->job->condition, &go, e) < 0) {
		verdict_set(&w->verdict, ENDING_CONFIG, "%s", e->msg);
		err_clear(e);
		go = false;
	} else if (!go) {
		joblog_say(&w->log, SAY_PLAIN, "The condition of the job does not hold: skipped");
		if (journal_event(&w->journal, e, "skipped", NULL) < 0)
			return -1;
	}
	for (size_t i = 0; i < x->job->nruns; i++) {
		struct run skipped = { .job = &x->job->runs[i], .index = i };
		if ((go ? maybe_run(w, x, i, e) : tell_end(w, &skipped, "skipped", 0, e)) < 0)
			return -1;
	}
	return 0;
}

/* The event as a file, for those who read it themselves. */
static int write_event(struct worker *w, const struct workflow *x, struct err *e)
{
	autobuf b = BUF(EVENT_MAX);
	if (workflow_event(x, &b, e) < 0 ||
	    worker_box_file(w, "event.json", buf_cstr(&b), b.len, e) < 0)
		return -1;
	return worker_box_files_wait(w, e);
}

int worker_workflow(struct worker *w)
{
	struct err e = { 0 };
	struct workflow x;
	const char *event = arena_printf(&w->arena, &e, "%s/event.json", w->files_dir);
	struct workflow_facts facts = {
		.workspace = w->project_dir,
		.temp = "/tmp",
		.runner_name = w->settings.runner_name,
		.event_path = event ? event : "",
	};
	if (workflow_open(&x, w->job->workflow, &facts, &w->arena, &e) < 0) {
		verdict_set(&w->verdict, ENDING_CONFIG, "%s", e.msg);
		return -1;
	}
	if (worker_uses_prepare(w) < 0)
		return -1;
	if (write_event(w, &x, &e) < 0 || run_all(w, &x, &e) < 0)
		verdict_set(&w->verdict, ENDING_INFRA, "%s", e.msg);
	if (w->stop)
		worker_stop_verdict(w);
	return w->verdict.ending == ENDING_SUCCESS ? 0 : -1;
}
