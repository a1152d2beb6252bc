/* The phases steps and after: what of the job's own runs when, and what its end means. */
#include "executor/worker.h"
#include "executor/worker_step.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { AFTER_SCRIPT_MS = 5 * 60 * 1000 };

/* A duration that the job sets by a variable; bad ones are said and ignored. 0: none. */
static uint64_t duration_var(struct worker *w, const char *name, uint64_t otherwise)
{
	const char *text = vars_get(w->vars, name);
	uint64_t ms;
	if (!text[0])
		return otherwise;
	if (str_duration(text, 1000, &ms) && ms)
		return ms;
	joblog_sayf(&w->log, SAY_WARNING,
		    "Ignoring malformed %s \"%s\": a duration like 10m is wanted", name, text);
	return otherwise;
}

/* A step of the kind after_script runs after the others, whatever they came to. */
static bool is_after(const struct job_step *s)
{
	return strcmp(s->name, "after_script") == 0;
}

static const char *const signals[] = {
	[SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
	[SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
	[SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
	[SIGTERM] = "SIGTERM", [SIGSYS] = "SIGSYS",   [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ",
};

static const char *signal_of(int code)
{
	size_t n = sizeof signals / sizeof *signals;
	int sig = code - 128;
	return code > 128 && (size_t)sig < n && signals[sig] ? signals[sig] : NULL;
}

/* What a shell's exit code tells beyond its number. */
struct code_row {
	int code;
	const char *means;
};

static const struct code_row codes[] = {
	{ 126, "a command was found but could not be executed" },
	{ 127, "a command was not found" },
};

static void explain_exit(struct worker *w, const struct worker_step *s)
{
	const char *sig = signal_of(s->code), *means = NULL;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == s->code)
			means = codes[i].means;
	if (!verdict_set(&w->verdict, ENDING_SCRIPT, "exit status %d", s->code))
		return;
	w->verdict.exit_code = s->code;
	if (sig)
		verdict_evidence(&w->verdict, "%s; a process died of %s; last command: %s", s->name,
				 sig, s->last_command);
	else
		verdict_evidence(&w->verdict, "%s%s%s; last command: %s", s->name,
				 means ? "; " : "", means ? means : "", s->last_command);
}

static void explain_memory(struct worker *w, const struct worker_step *s)
{
	const struct usage *u = &w->box.usage;
	const char *by = usage_by_cgroup(u) ? "ended by the kernel" : "found by a sample";
	if (!verdict_set(&w->verdict, ENDING_MEMORY, "out of memory"))
		return;
	w->verdict.exit_code = s->code;
	verdict_evidence(&w->verdict,
			 "%s; more than the %llu MiB that it may use, %s; last command: %s",
			 s->name, (unsigned long long)(u->memory_max >> 20), by, s->last_command);
}

static void script_timed_out(struct worker *w, const struct worker_step *s)
{
	char text[32];
	str_duration_text(s->timeout_ms, text, sizeof text);
	if (verdict_set(&w->verdict, ENDING_TIMEOUT, "script took longer than %s", text))
		verdict_evidence(&w->verdict, "RUNNER_SCRIPT_TIMEOUT; last command: %s",
				 s->last_command);
}

static int one_step(struct worker *w, const struct job_step *js, uint64_t limit)
{
	struct err e = { 0 };
	char section[128], title[160];
	struct worker_step s = {
		.name = js->name,
		.lines = js->lines,
		.nlines = js->nlines,
		.timeout_ms = limit,
		.until = STOP_CANCEL,
		.hooks = true,
	};
	snprintf(section, sizeof section, "step_%s", js->name);
	snprintf(title, sizeof title, "Executing \"step_%s\" stage of the job script", js->name);
	joblog_section(&w->log, section, title);
	int r = worker_step_run(w, &s, &e);
	joblog_section(&w->log, NULL, NULL);
	if ((r < 0 || s.code) && !s.stopped && usage_out_of_memory(&w->box.usage))
		explain_memory(w, &s);
	else if (r < 0) /* E2BIG: the job's own variables */
		verdict_set(&w->verdict, e.code == E2BIG ? ENDING_CONFIG : ENDING_INFRA, "%s",
			    e.msg);
	else if (s.stopped)
		worker_stop_verdict(w);
	else if (s.timed_out)
		script_timed_out(w, &s);
	else if (s.code)
		explain_exit(w, &s);
	return w->verdict.ending == ENDING_SUCCESS ? 0 : -1;
}

int worker_steps(struct worker *w)
{
	if (w->job->workflow)
		return worker_workflow(w);
	uint64_t limit = duration_var(w, "RUNNER_SCRIPT_TIMEOUT", 0);
	int r = 0;
	w->may_run_after = true;
	for (size_t i = 0; r == 0 && i < w->job->nsteps; i++)
		if (!is_after(&w->job->steps[i]) && w->job->steps[i].nlines)
			r = one_step(w, &w->job->steps[i], limit);
	return r;
}

/* CI_JOB_STATUS as after_script sees it. */
static const char *status_of(const struct worker *w)
{
	static const char *const by_fault[] = {
		[FAULT_NONE] = "success",     [FAULT_SCRIPT] = "failed",
		[FAULT_INFRA] = "failed",     [FAULT_CONFIG] = "failed",
		[FAULT_TIMEOUT] = "timedout", [FAULT_CANCELLED] = "canceled",
	};
	return by_fault[verdict_fault(&w->verdict)];
}

static int set_status(struct worker *w, struct err *e)
{
	if (vars_set(w->vars, "CI_JOB_STATUS", status_of(w), VAR_PUBLIC | VAR_RAW, e) < 0)
		return -1;
	return vars_resolve(w->vars, e);
}

static void after_result(struct worker *w, const struct worker_step *s)
{
	bool ignore = true;
	if (!s->code && !s->timed_out && !s->stopped)
		return;
	if (!str_bool(vars_get(w->vars, "AFTER_SCRIPT_IGNORE_ERRORS"), &ignore))
		ignore = true;
	const char *why = s->timed_out ? "its time limit was exceeded"
			  : s->stopped ? "the job is to end"
				       : "exit status";
	if (!ignore && verdict_set(&w->verdict, ENDING_SCRIPT, "after_script: %s %d", why, s->code))
		w->verdict.exit_code = s->code;
	else
		joblog_sayf(&w->log, SAY_WARNING,
			    "WARNING: after_script failed, but job will continue unaffected: %s %d",
			    why, s->code);
}

static void run_after(struct worker *w, const struct job_step *js)
{
	struct err e = { 0 };
	struct worker_step s = {
		.name = js->name,
		.lines = js->lines,
		.nlines = js->nlines,
		.timeout_ms = duration_var(w, "RUNNER_AFTER_SCRIPT_TIMEOUT", AFTER_SCRIPT_MS),
		.until = STOP_TIMEOUT,
	};
	joblog_section(&w->log, "after_script", "Running after_script");
	if (set_status(w, &e) < 0 || worker_step_run(w, &s, &e) < 0)
		joblog_sayf(&w->log, SAY_WARNING, "WARNING: after_script could not run: %s", e.msg);
	else
		after_result(w, &s);
	joblog_section(&w->log, NULL, NULL);
}

void worker_after(struct worker *w)
{
	if (w->stop == STOP_CANCEL)
		joblog_say(&w->log, SAY_WARNING, "WARNING: script canceled externally (UI, API)");
	for (size_t i = 0; i < w->job->nsteps; i++) {
		const struct job_step *js = &w->job->steps[i];
		if (is_after(js) && js->nlines && w->may_run_after && w->stop < STOP_TIMEOUT &&
		    !w->box.dead)
			run_after(w, js);
	}
}
