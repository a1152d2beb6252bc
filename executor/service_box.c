#include "executor/service_box.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "executor/vars_default.h"
#include "executor/worker.h"
#include "executor/worker_containers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	READ_BYTES = 64 << 10,
	ENVIRON_MAX = 4 << 20,
	END_MS = 5000,
	ID = 1, /* of its command; service_health.c has the next ones */
	WORKFLOW_KEEP = 64 << 10,
};

/* --- what they say -------------------------------------------------------------------------------- */

static void stop_output(struct service_box *s)
{
	struct err e = { 0 };
	if (s->output.fd < 0)
		return;
	loop_unwatch(s->w->loop, &s->output);
	fd_close(&s->output.fd);
	if (service_log_end(&s->log, &e) < 0 || joblog_commit(&s->w->log, &e) < 0)
		log_warn("output of a service", "err", e.msg, NULL);
}

/* Whether there may be more. */
static bool read_output(struct service_box *s)
{
	struct err e = { 0 };
	char chunk[READ_BYTES];
	ssize_t n = read(s->output.fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n > 0 && service_log_write(&s->log, chunk, (size_t)n, &e) == 0 &&
	    joblog_commit(&s->w->log, &e) == 0)
		return true;
	if (e.code)
		log_warn("output of a service", "err", e.msg, NULL);
	stop_output(s);
	return false;
}

static void output_ready(struct source *src, uint32_t events)
{
	struct service_box *s =
		(struct service_box *)(void *)((char *)src - offsetof(struct service_box, output));
	(void)events;
	read_output(s);
}

static void note_end(struct service_box *s, const char *how)
{
	if (!s->ended)
		snprintf(s->end, sizeof s->end, "%s", how);
	s->ended = true;
}

static void take_event(struct service_box *s, const struct sandbox_event *ev)
{
	char how[64];
	bool mine = ev->id == ID;
	if (ev->id > ID) {
		service_health_event(s, ev);
		return;
	}
	if (ev->what == SANDBOX_INIT_READY) {
		s->ready = true;
	} else if (ev->what == SANDBOX_INIT_STARTED) {
		s->started = true;
	} else if (ev->what == SANDBOX_INIT_LISTENING) {
		s->listed = true;
		s->answers = ev->code;
	} else if (ev->what == SANDBOX_INIT_MEMORY) {
		note_end(s, "more memory than the job may use");
	} else if (ev->what == SANDBOX_INIT_ERROR && mine) {
		s->failed = true;
		note_end(s, ev->text);
	} else if (ev->what == SANDBOX_INIT_ENDED && mine) {
		snprintf(how, sizeof how, "%s %u", ev->signalled ? "signal" : "exit status",
			 ev->code);
		note_end(s, how);
	}
}

static void control_ready(struct source *src, uint32_t events)
{
	struct service_box *s =
		(struct service_box *)(void *)((char *)src - offsetof(struct service_box, control));
	struct sandbox_event ev;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = sandbox_init_hear(src->fd, &m, &ev, &e);
	if (r > 0)
		take_event(s, &ev);
	else if (r < 0 && e.code == EPIPE) {
		loop_unwatch(s->w->loop, src);
		note_end(s, "its sandbox has ended");
	} else if (r < 0)
		log_warn("init of a service", "err", e.msg, NULL);
}

/* --- the beginning -------------------------------------------------------------------------------- */

static int ask(struct service_box *s, struct err *e)
{
	struct worker *w = s->w;
	struct gate_service g = {
		.layers = worker_image_layers(w, &s->image, e),
		.user = worker_image_user(&s->image),
		.aliases = w->services.aliases,
		.folders = worker_folders(w, s->how, e),
	};
	if (!g.layers || !g.folders || worker_box_beside(w, &g, &s->init, &s->pidfd, e) < 0)
		return -1;
	s->control = (struct source){ .fd = s->init, .ready = control_ready };
	return loop_watch(w->loop, &s->control, EPOLLIN, e);
}

static int wait_for(struct service_box *s, const bool *flag, struct err *e)
{
	while (!*flag) {
		if (s->ended)
			return err_set(e, EPIPE, "%s", s->end);
		if (s->w->stop >= STOP_CANCEL)
			return err_set(e, ECANCELED, "the job is to end");
		if (loop_once(s->w->loop, e) < 0)
			return -1;
	}
	return 0;
}

static int add_jobs(struct vars *v, const struct vars *jobs, struct err *e)
{
	for (size_t i = 0; i < vars_count(jobs); i++) {
		const struct var *one = vars_at(jobs, i);
		bool given = (one->flags & VAR_PUBLIC) && !(one->flags & VAR_FILE) &&
			     !vars_is_login(one->key, one->env);
		if (given && vars_set(v, one->key, one->env, VAR_RAW, e) < 0)
			return -1;
	}
	return 0;
}

static int add_own(struct service_box *s, struct vars *v, struct err *e)
{
	const struct job_image *asked = s->image.asked;
	for (size_t i = 0; i < asked->nvars; i++) {
		const struct job_var *one = &asked->vars[i];
		const char *value = one->raw ? one->value
					     : vars_expand(s->w->vars, &s->w->arena, one->value, e);
		if (!value || vars_set(v, one->key, value, VAR_RAW, e) < 0)
			return -1;
	}
	return 0;
}

/* The job's public variables, and the service's own: what is secret is not for services. One of a workflow has
 * its own alone. */
static struct vars *variables(struct service_box *s, struct err *e)
{
	struct vars *v = vars_new(&s->w->arena, e);
	if (!v || (!s->how && add_jobs(v, s->w->vars, e) < 0) || add_own(s, v, e) < 0)
		return NULL;
	return vars_resolve(v, e) == 0 ? v : NULL;
}

/* Those of the workflow, else of the image; or the one that a variable names. */
static void take_ports(struct service_box *s, const struct buf *env)
{
	static const char key[] = "HEALTHCHECK_TCP_PORT=";
	const struct image_record *r = s->image.record;
	for (size_t i = 0; s->how && i < s->how->nports; i++)
		if (!s->how->ports[i].udp)
			s->ports[s->nports++] = s->how->ports[i].inside;
	if (s->nports)
		return;
	for (size_t i = 0; i < r->nports && s->nports < SERVICE_PORTS; i++)
		if ((s->ports[s->nports] = service_port(r->ports[i])) != 0)
			s->nports++;
	for (size_t at = 0; at < env->len; at += strlen(env->p + at) + 1)
		if (str_starts(env->p + at, key) && service_port(env->p + at + sizeof key - 1)) {
			s->ports[0] = service_port(env->p + at + sizeof key - 1);
			s->nports = 1;
		}
}

static int open_output(struct service_box *s, int *ret_write, struct err *e)
{
	int ends[2];
	bool shown = false;
	if (!str_bool(vars_get(s->w->vars, "CI_DEBUG_SERVICES"), &shown))
		shown = false;
	s->log.log = &s->w->log;
	s->log.name = s->name;
	s->log.shown = shown;
	s->log.keep = s->how ? WORKFLOW_KEEP : SERVICE_LOG_KEEP;
	if (service_log_init(&s->log, e) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	*ret_write = ends[1];
	s->output = (struct source){ .fd = ends[0], .ready = output_ready };
	if (fd_nonblock(ends[0], 1, e) < 0)
		return -1;
	return loop_watch(s->w->loop, &s->output, EPOLLIN, e);
}

static int run(struct service_box *s, struct buf *env, struct err *e)
{
	const struct image_record *r = s->image.record;
	const char *argv[SANDBOX_ARGS + 1] = { 0 };
	const char *own = s->how ? s->how->options.workdir : "";
	autofd out = -1;
	s->cwd = *own ? own : r->workdir[0] ? r->workdir : "/";
	s->environ = fd_sealed("environ", env->p, env->len, e);
	if (s->environ < 0 || worker_image_command(&s->image, argv, e) < 0 ||
	    open_output(s, &out, e) < 0)
		return -1;
	const struct sandbox_run go = {
		.id = ID,
		.argv = argv,
		.cwd = s->cwd,
		.env = s->environ,
		.script = -1,
		.script_name = "",
		.out = out,
		.err = out,
	};
	return sandbox_init_run(s->init, &go, e);
}

/* Whoever listens already: another service, or on the host's network anybody. */
static int look_taken(struct service_box *s, struct err *e)
{
	if (s->nports == 0)
		return 0;
	if (sandbox_init_ports(s->init, s->ports, s->nports, e) < 0 ||
	    wait_for(s, &s->listed, e) < 0)
		return -1;
	if (s->answers)
		joblog_sayf(&s->w->log, SAY_WARNING,
			    "WARNING: service %s: port %u of the job's network is already taken by "
			    "another; services share one loopback",
			    s->name, s->answers);
	s->answers = 0;
	return 0;
}

int service_box_begin(struct service_box *s, struct err *e)
{
	const struct usage *u = &s->w->box.usage;
	autobuf env = BUF(ENVIRON_MAX);
	struct vars *v = variables(s, e);
	if (!v || worker_image_environ(&s->image, v, &env, e) < 0 || vars_environ(v, &env, e) < 0)
		return -1;
	take_ports(s, &env);
	if (ask(s, e) < 0 || wait_for(s, &s->ready, e) < 0)
		return -1;
	if (u->memory_max && !usage_by_cgroup(u) &&
	    sandbox_init_watch(s->init, u->memory_max, e) < 0)
		return -1;
	if (look_taken(s, e) < 0 || run(s, &env, e) < 0)
		return -1;
	if (wait_for(s, &s->started, e) < 0)
		return err_wrap(e, "cannot be started");
	service_health_begin(s);
	return 0;
}

void service_box_end(struct service_box *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	if (s->init >= 0)
		loop_unwatch(s->w->loop, &s->control);
	fd_close(&s->init);
	service_health_end(s);
	fd_close(&s->environ);
	if (s->pidfd >= 0 && poll(&p, 1, END_MS) != 1)
		log_error("the sandbox of a service did not end", "service", s->name, NULL);
	fd_close(&s->pidfd);
	while (s->output.fd >= 0 && read_output(s))
		continue;
	stop_output(s);
	fd_close(&s->image.hold);
}
