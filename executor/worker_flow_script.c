/* Steps that are a script, and any process of a step. */
#include "executor/worker_flow_process.h"

#include "base/clock.h"
#include "base/str.h"
#include "executor/shell_row.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FLAGS = VAR_PUBLIC | VAR_RAW };

/* --- a process ---------------------------------------------------------------------------------- */

/* GITHUB_PATH's directories in front of what there is. */
static int set_path(struct flow_step *s, struct err *e)
{
	static const char usual[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const struct image_record *image = s->f->w->image.record;
	const char *path = vars_get(s->vars, "PATH");
	if (!*s->x->all->path)
		return 0;
	for (size_t i = 0; !*path && image && i < image->nenv; i++)
		if (str_starts(image->env[i], "PATH="))
			path = image->env[i] + strlen("PATH=");
	path = arena_printf(s->x->a, e, "%s%s", s->x->all->path, *path ? path : usual);
	return path ? vars_set(s->vars, "PATH", path, FLAGS, e) : -1;
}

/* How long it may take; false: no longer at all. */
static bool time_left(const struct flow_step *s, uint64_t *ret_ms)
{
	uint64_t now = clock_ms();
	*ret_ms = s->before_ms > now ? s->before_ms - now : 0;
	return s->before_ms == 0 || s->before_ms > now;
}

static void out_of_time(struct flow_step *s)
{
	flow_fail(s, ENDING_TIMEOUT, "The step took longer than %s", s->limit_text);
	s->end.timed_out = true;
}

/* What its end means, in words. */
static void judge(struct flow_step *s, const struct worker_step *p)
{
	const struct usage *u = &s->f->w->box.usage;
	s->end.stopped = p->stopped;
	if (p->stopped)
		return;
	if (p->code && (usage_out_of_memory(u) || usage_out_of_memory(&s->f->w->here->usage)))
		flow_fail(s, ENDING_MEMORY, "Out of memory: more than the %llu MiB that it may use",
			  (unsigned long long)(u->memory_max >> 20));
	else if (p->timed_out)
		out_of_time(s);
	else if (p->code)
		flow_fail(s, ENDING_SCRIPT, "Process completed with exit code %d.", p->code);
	if (p->code)
		s->end.code = p->code;
}

/* It could not be started: that is the step's failure, unless it is the machine's. */
static int not_started(struct flow_step *s, const struct flow_command *c, const struct err *why,
		       struct err *e)
{
	if (why->code != ENOEXEC && why->code != E2BIG) {
		*e = *why;
		return -1;
	}
	flow_fail(s, ENDING_SCRIPT, "%s%s", why->msg, c->hint ? c->hint : "");
	return 0;
}

int flow_process(struct flow_step *s, const struct flow_command *c, struct err *e)
{
	char name[32];
	uint64_t left;
	struct err why = { 0 };
	if (!time_left(s, &left)) {
		out_of_time(s);
		return 0;
	}
	if (flow_state_begin(s, e) < 0 || (!c->bare && set_path(s, e) < 0) ||
	    vars_resolve(s->vars, e) < 0)
		return -1;
	snprintf(name, sizeof name, "step_%u", s->f->serial);
	struct worker_step p = {
		.name = name,
		.suffix = c->suffix,
		.script = c->script ? c->script : "",
		.argv = c->argv,
		.cwd = c->cwd,
		.vars = s->vars,
		.timeout_ms = left,
		.until = s->x->all->cancelled ? STOP_TIMEOUT : STOP_CANCEL,
	};
	struct flow_commands commands;
	flow_commands_init(&commands, s);
	p.reader = &commands.reader;
	int r = worker_step_run(s->f->w, &p, &why);
	flow_commands_done(&commands);
	if (r < 0)
		return not_started(s, c, &why, e);
	judge(s, &p);
	return flow_state_end(s, e);
}

/* --- a script ----------------------------------------------------------------------------------- */

/* What is set, the run's own before the defaults. */
static const struct job_text *either(const struct job_text *own, const struct job_text *other)
{
	return own->line ? own : other;
}

/* In the workspace, unless it says otherwise. */
static const char *directory_of(struct flow_step *s, const char *directory, struct err *e)
{
	const char *workspace = s->f->w->project_dir;
	if (!*directory)
		return workspace;
	return directory[0] == '/' ? directory
				   : arena_printf(s->x->a, e, "%s/%s", workspace, directory);
}

/* A group with the script, as people know it from GitHub. */
static void show(struct flow_step *s, const char *text, const char *shell)
{
	struct joblog *log = &s->f->w->log;
	joblog_section(log, "run", s->title);
	flow_show(s->f, text, SIZE_MAX);
	joblog_sayf(log, SAY_PLAIN, "shell: %s", shell);
	joblog_section(log, NULL, NULL);
}

/* The first line of the script, for those without a name. */
static const char *title_of(struct flow_step *s, const char *text, struct err *e)
{
	text += strspn(text, " \t\n");
	return arena_printf(s->x->a, e, "Run %.*s", (int)strcspn(text, "\n"), text);
}

/* What the step itself says, or else the job's defaults; an action's steps have none. NULL with e set. */
static const char *own_or(struct flow_step *s, const struct job_text *own,
			  const struct job_text *otherwise, struct err *e)
{
	return workflow_text(s->x, s->depth ? own : either(own, otherwise), e);
}

struct script {
	const char *text, *directory;
	struct shell_row shell;
};

static int evaluate(struct flow_step *s, struct script *ret, struct err *e)
{
	const struct job_run *j = s->job;
	const struct job_workflow *flow = s->x->job;
	const char *shell = own_or(s, &j->shell, &flow->shell, e);
	if (!shell || shell_find(shell, s->f->w->image.name[0], s->x->a, &ret->shell, e) < 0)
		return -1;
	ret->text = workflow_text(s->x, &j->run, e);
	ret->directory = ret->text ? own_or(s, &j->directory, &flow->directory, e) : NULL;
	ret->directory = ret->directory ? directory_of(s, ret->directory, e) : NULL;
	return ret->directory ? 0 : -1;
}

int flow_script_run(struct flow_step *s, struct err *e)
{
	struct script script;
	struct err why = { 0 };
	if (evaluate(s, &script, &why) < 0) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	s->title = *s->title ? s->title : title_of(s, script.text, e);
	const char *text = s->title ? arena_printf(s->x->a, e, "%s%s%s", script.shell.before,
						   script.text, script.shell.after)
				    : NULL;
	if (!text)
		return -1;
	show(s, script.text, script.shell.shown);
	struct flow_command c = {
		.argv = script.shell.argv,
		.script = text,
		.suffix = script.shell.suffix,
		.cwd = script.directory,
	};
	return flow_process(s, &c, e);
}
