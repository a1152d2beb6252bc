/* One step: a shell in the sandbox, its two pipes, its end, and what holds the log open after it. */
#include "executor/worker_step.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/rest.h"
#include "base/str.h"
#include "executor/flags.h"
#include "executor/script.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	PIPE_BYTES = 1 << 20,
	READ_BYTES = 256 << 10,
	SCRIPT_MAX = 8 << 20,
	SCRIPT_NAME = 64,
	ENVIRON_MAX = 4 << 20,
	QUIET_MS = 1000, /* a line without its end is shown after this long */
	SETTLE_MS = 250, /* a step that lasts as long takes no more memory than it needs */
	KILL_MS = 2000,  /* how long a pipe may stay open after SIGKILL */
};

struct pump {
	struct source src;
	struct step *step;
	struct joblog_stream stream;
	struct output_lines lines;
	bool open;
};

struct step {
	struct worker *w;
	struct worker_step *spec;
	struct pump out, err;
	struct pages chunk; /* touched only as far as a read fills it */
	bool ended, done, asked;
	int sent; /* the signal that was sent last */
	struct timer limit, escalate, drain, quiet, settle;
	char problem[480];
	bool refused; /* it could not be started */
};

static struct step *of_timer(struct timer *t, size_t offset)
{
	return (struct step *)(void *)((char *)t - offset);
}

static void look_done(struct step *s)
{
	s->done = s->problem[0] || (s->ended && !s->out.open && !s->err.open);
}

/* --- output ------------------------------------------------------------------------------------- */

static void break_off(struct step *s, const struct err *e)
{
	if (!s->problem[0])
		snprintf(s->problem, sizeof s->problem, "%s", e->msg);
	look_done(s);
}

static void pump_close(struct pump *p, bool cut)
{
	struct err e = { 0 };
	if (!p->open)
		return;
	loop_unwatch(p->step->w->loop, &p->src);
	fd_close(&p->src.fd);
	p->open = false;
	if ((p->step->spec->reader && output_lines_close(&p->lines, &e) < 0) ||
	    joblog_close(&p->stream, cut, &e) < 0 || joblog_commit(&p->step->w->log, &e) < 0)
		break_off(p->step, &e);
	look_done(p->step);
}

static void note_command(struct step *s, const struct joblog_stream *stream)
{
	if (stream->last_command[0])
		memcpy(s->spec->last_command, stream->last_command, sizeof s->spec->last_command);
}

int worker_step_write(void *to, const char *p, size_t n, struct err *e)
{
	return joblog_write(to, p, n, e);
}

static int pump_write(struct pump *p, size_t n, struct err *e)
{
	const char *chunk = p->step->chunk.p;
	return p->step->spec->reader ? output_lines_write(&p->lines, chunk, n, e)
				     : joblog_write(&p->stream, chunk, n, e);
}

static void pump_ready(struct source *src, uint32_t events)
{
	struct pump *p = (struct pump *)(void *)src;
	struct step *s = p->step;
	struct err e = { 0 };
	(void)events;
	ssize_t n = read(src->fd, s->chunk.p, s->chunk.size);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		pump_close(p, s->sent == SIGKILL);
		return;
	}
	if (pump_write(p, (size_t)n, &e) < 0 || joblog_commit(&s->w->log, &e) < 0)
		break_off(s, &e);
	note_command(s, &p->stream);
	if (!s->quiet.set)
		loop_timer(s->w->loop, &s->quiet, QUIET_MS);
}

/* What was needed to come this far is not kept while the script runs. */
static void settle_passed(struct timer *t)
{
	struct step *s = of_timer(t, offsetof(struct step, settle));
	pages_drop(&s->chunk);
	joblog_rest(&s->w->log);
	rest();
}

static void quiet_passed(struct timer *t)
{
	struct step *s = of_timer(t, offsetof(struct step, quiet));
	struct err e = { 0 };
	struct pump *pumps[] = { &s->out, &s->err };
	for (size_t i = 0; i < 2; i++)
		if (pumps[i]->open &&
		    ((s->spec->reader && output_lines_quiet(&pumps[i]->lines, &e) < 0) ||
		     trace_flush(&pumps[i]->stream.trace, false, &e) < 0))
			break_off(s, &e);
	if (joblog_commit(&s->w->log, &e) < 0)
		break_off(s, &e);
	settle_passed(&s->settle);
}

static int pump_open(struct step *s, struct pump *p, enum trace_kind kind, int *ret_write,
		     struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	*ret_write = ends[1];
	*p = (struct pump){ .src = { .fd = ends[0], .ready = pump_ready }, .step = s };
	if (fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		log_debug("pipe stays small", NULL); /* the user's allowance for pipes is used up */
	if (fd_nonblock(ends[0], 1, e) < 0 || joblog_open(&s->w->log, &p->stream, kind, e) < 0 ||
	    loop_watch(s->w->loop, &p->src, EPOLLIN, e) < 0) {
		fd_close(&p->src.fd);
		return -1;
	}
	if (s->spec->reader)
		output_lines_init(&p->lines, s->spec->reader, &p->stream);
	p->open = true;
	return 0;
}

/* --- the end ------------------------------------------------------------------------------------ */

static void send_signal(struct step *s, int sig)
{
	struct err e = { 0 };
	s->sent = sig;
	if (sandbox_init_signal(s->w->here->init, sig, &e) < 0)
		log_warn("signal", "err", e.msg, NULL);
}

/* INT, then TERM, then KILL: to all processes of the job, each with its patience. */
static void escalate(struct timer *t)
{
	struct step *s = of_timer(t, offsetof(struct step, escalate));
	const struct settings *set = &s->w->settings;
	if (s->sent == 0 && s->w->stop == STOP_CANCEL) {
		send_signal(s, SIGINT);
		loop_timer(s->w->loop, t, set->cancel_int_ms);
	} else if (s->sent != SIGTERM && s->w->stop < STOP_ABORT) {
		send_signal(s, SIGTERM);
		loop_timer(s->w->loop, t, set->cancel_term_ms);
	} else {
		send_signal(s, SIGKILL);
		loop_timer(s->w->loop, &s->drain, KILL_MS);
	}
}

static void limit_passed(struct timer *t)
{
	struct step *s = of_timer(t, offsetof(struct step, limit));
	s->spec->timed_out = true;
	if (!s->escalate.set && !s->sent)
		escalate(&s->escalate);
}

/* The step has ended and a background process still holds its log open. */
static void drain_passed(struct timer *t)
{
	struct step *s = of_timer(t, offsetof(struct step, drain));
	struct err e = { 0 };
	if (s->asked || s->sent == SIGKILL || sandbox_init_list(s->w->here->init, &e) < 0) {
		pump_close(&s->out, true); /* it was killed and the pipe is open all the same */
		pump_close(&s->err, true);
		return;
	}
	s->asked = true;
	loop_timer(s->w->loop, t, KILL_MS);
}

static void name_holders(struct step *s, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, "\n"), pid = strcspn(list, "\t\n");
		joblog_sayf(&s->w->log, SAY_WARNING,
			    "a background process held the log open and was ended: pid %.*s, %.*s",
			    (int)pid, list, (int)(n - pid - (pid < n)), list + pid + (pid < n));
		list += n + (list[n] == '\n');
	}
}

static void box_event(void *arg, const struct sandbox_event *ev)
{
	struct step *s = arg;
	if (ev->what == SANDBOX_INIT_PROCESSES && s->asked) {
		name_holders(s, ev->text);
		send_signal(s, SIGKILL);
	} else if (ev->what == SANDBOX_INIT_ERROR && ev->id == 1) {
		s->refused = true;
		snprintf(s->problem, sizeof s->problem, "%s%s", ev->text,
			 s->w->here->image->record ? " (in the image)" : "");
	} else if (ev->what == SANDBOX_INIT_ENDED && ev->id == 1) {
		s->ended = true;
		s->spec->code = (int)(ev->signalled ? 128 + ev->code : ev->code);
		loop_timer_clear(s->w->loop, &s->escalate);
		loop_timer_clear(s->w->loop, &s->limit);
		if (s->out.open || s->err.open)
			loop_timer(s->w->loop, &s->drain, s->w->settings.drain_ms);
	}
	look_done(s);
}

/* --- the beginning ------------------------------------------------------------------------------ */

static int build_text(const struct worker *w, const struct worker_step *spec, struct buf *out,
		      struct err *e)
{
	bool debug = false;
	struct script script = {
		.lines = spec->lines,
		.nlines = spec->nlines,
		.env_file = w->stepped ? vars_get(w->vars, "GITLAB_ENV") : "",
		.before = spec->hooks ? w->settings.pre_build : "",
		.after = spec->hooks ? w->settings.post_build : "",
		.check_exit = flags_on(w->vars, "FF_ENABLE_BASH_EXIT_CODE_CHECK"),
		.sections = w->log.sections && flags_on(w->vars, "FF_SCRIPT_SECTIONS"),
	};
	if (!w->settings.debug_trace_off && str_bool(vars_get(w->vars, "CI_DEBUG_TRACE"), &debug))
		script.xtrace = debug;
	return script_build(&script, out, e);
}

/* The step's name as that of a file: what the forge calls it may be no name of one. */
static void script_file(const char *step, const char *suffix, char *out)
{
	size_t n = 0;
	for (; step[n] && n < SCRIPT_NAME - 1; n++)
		out[n] = isalnum((unsigned char)step[n]) || (n && step[n] == '-') ? step[n] : '_';
	if (n == 0)
		out[n++] = '_';
	snprintf(out + n, SCRIPT_NAME - n, "%s", suffix ? suffix : "");
}

/* text with path in place of each "{0}". NULL with e set. */
static const char *with_path(const struct step *s, const char *text, const char *path,
			     struct err *e)
{
	const char *at = strstr(text, "{0}");
	if (!at)
		return text;
	const char *rest = with_path(s, at + 3, path, e);
	return rest ? arena_printf(&s->w->arena, e, "%.*s%s%s", (int)(at - text), text, path, rest)
		    : NULL;
}

/* The step's own command with the script's path in it, or the usual one. */
static int command(const struct step *s, const char *path, const char **argv, struct err *e)
{
	const char *const *given = s->spec->argv;
	bool script = s->spec->script && s->spec->script[0];
	if (!given)
		return worker_command(s->w, path, argv, e);
	for (size_t i = 0; given[i] && i < SANDBOX_ARGS; i++) {
		argv[i] = script ? with_path(s, given[i], path, e) : given[i];
		if (!argv[i])
			return -1;
	}
	return 0;
}

static int start(struct step *s, int out, int err, struct err *e)
{
	const struct worker *w = s->w;
	const struct worker_step *spec = s->spec;
	autobuf text = BUF(SCRIPT_MAX);
	autobuf env = BUF(ENVIRON_MAX);
	const struct vars *vars = spec->vars ? spec->vars : w->vars;
	if ((spec->script ? buf_str(&text, spec->script, e) : build_text(w, spec, &text, e)) < 0 ||
	    worker_environ(w, vars, &env, e) < 0)
		return -1;
	autofd script = fd_sealed("script", text.p, text.len, e);
	autofd variables = script < 0 ? -1 : fd_sealed("environ", env.p, env.len, e);
	buf_wipe(&env);
	if (variables < 0)
		return -1;
	char name[SCRIPT_NAME], path[256];
	script_file(spec->name, spec->suffix, name);
	snprintf(path, sizeof path, "%s/%s", SANDBOX_SCRIPTS, name);
	const char *argv[SANDBOX_ARGS + 1] = { 0 };
	if (command(s, path, argv, e) < 0)
		return -1;
	struct sandbox_run run = {
		.id = 1,
		.argv = argv,
		.cwd = spec->cwd ? spec->cwd : w->project_dir,
		.env = variables,
		.script = script,
		.script_name = name,
		.out = out,
		.err = err,
	};
	return sandbox_init_run(w->here->init, &run, e);
}

static void prepare_timers(struct step *s)
{
	s->limit.fire = limit_passed;
	s->escalate.fire = escalate;
	s->drain.fire = drain_passed;
	s->quiet.fire = quiet_passed;
	s->settle.fire = settle_passed;
	if (s->spec->timeout_ms)
		loop_timer(s->w->loop, &s->limit, s->spec->timeout_ms);
	loop_timer(s->w->loop, &s->settle, SETTLE_MS);
}

static void clear_timers(struct step *s)
{
	struct timer *all[] = { &s->limit, &s->escalate, &s->drain, &s->quiet, &s->settle };
	for (size_t i = 0; i < sizeof all / sizeof(struct timer *); i++)
		loop_timer_clear(s->w->loop, all[i]);
}

static int pump_until_done(struct step *s, struct err *e)
{
	struct worker *w = s->w;
	enum stop seen = STOP_NONE;
	while (!s->done) {
		if (loop_once(w->loop, e) < 0)
			return -1;
		if (w->here->dead)
			return err_set(e, EPIPE, "sandbox: its init has ended");
		if (w->stop >= s->spec->until && w->stop > seen && !s->ended) {
			seen = w->stop; /* a harder reason does not wait for a softer one */
			s->spec->stopped = true;
			loop_timer(w->loop, &s->escalate, 0);
		}
	}
	if (!s->problem[0])
		return 0;
	return err_set(e, s->refused ? ENOEXEC : EIO, "%s", s->problem);
}

static int run(struct step *s, struct err *e)
{
	autofd out = -1;
	autofd err = -1;
	if (pages_map(&s->chunk, READ_BYTES, e) < 0 ||
	    pump_open(s, &s->out, TRACE_OUT, &out, e) < 0 ||
	    pump_open(s, &s->err, TRACE_ERR, &err, e) < 0 || start(s, out, err, e) < 0)
		return -1;
	fd_close(&out);
	fd_close(&err);
	return pump_until_done(s, e);
}

int worker_step_run(struct worker *w, struct worker_step *spec, struct err *e)
{
	struct step s = { .w = w, .spec = spec };
	char num[STR_NUM];
	if (joblog_commit(&w->log, e) < 0 ||
	    journal_event(&w->journal, e, "step_start", "name", spec->name, NULL) < 0)
		return -1;
	w->here->event = box_event;
	w->here->arg = &s;
	prepare_timers(&s);
	int r = run(&s, e);
	w->stepped = true;
	w->here->event = NULL;
	clear_timers(&s);
	pump_close(&s.out, true);
	pump_close(&s.err, true);
	pages_done(&s.chunk);
	if (r < 0)
		return spec->argv ? -1 : err_wrap(e, "step %s", spec->name);
	return journal_event(&w->journal, e, "step_end", "name", spec->name, "code",
			     str_num(num, (uint64_t)spec->code), NULL);
}
