/* The sandbox from the worker's side: asked for early, waited for late, proven empty at the end. */
#include "executor/worker_box.h"

#include "base/fd.h"
#include "base/log.h"
#include "executor/worker.h"
#include "executor/worker_containers.h"
#include "protocol/job_workflow.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { OPEN_MS = 10000, MEASURE_MS = 1000, END_MS = 5000, WIPE_MS = 60000, LABELS_MAX = 32 << 10 };

static struct worker_box *of_source(struct source *s)
{
	return (struct worker_box *)(void *)((char *)s - offsetof(struct worker_box, src));
}

static void take_measures(struct worker_box *b, const char *text)
{
	usage_measured(&b->usage, text);
	b->measured = true;
}

/* What init says to the box itself; the rest is for the step that runs. */
static void take_event(struct worker_box *b, const struct sandbox_event *ev)
{
	if (ev->what == SANDBOX_INIT_READY)
		b->ready = true;
	else if (ev->what == SANDBOX_INIT_FILE_DONE && b->files)
		b->files--;
	else if (ev->what == SANDBOX_INIT_WIPED)
		b->wiped = true;
	else if (ev->what == SANDBOX_INIT_COPIED) {
		b->copied = true;
		snprintf(b->copy_error, sizeof b->copy_error, "%s", ev->text);
	} else if (ev->what == SANDBOX_INIT_MEMORY)
		b->usage.over = strtoull(ev->text, NULL, 10);
	else if (ev->what == SANDBOX_INIT_MEASURED)
		take_measures(b, ev->text);
	else if (ev->what == SANDBOX_INIT_ERROR && ev->id == 0)
		snprintf(b->error, sizeof b->error, "%s", ev->text);
	if (b->event)
		b->event(b->arg, ev);
}

/* --- what is refused within ----------------------------------------------------------------------- */

static void stop_listening(struct worker_box *b)
{
	if (b->refused.fd < 0)
		return;
	loop_unwatch(b->loop, &b->refused);
	fd_close(&b->refused.fd);
}

static void call_waits(struct source *s, uint32_t events)
{
	struct worker_box *b = (struct worker_box *)(void *)((char *)s -
							     offsetof(struct worker_box, refused));
	char call[SANDBOX_CALL];
	struct err e = { 0 };
	int r = events & EPOLLIN ? sandbox_refuse(s->fd, call, &e) : -1;
	if (r > 0)
		denials_add(&b->denials, call);
	if (r < 0 || b->denials.total >= DENIALS_MAX)
		stop_listening(b);
}

/* With READY; who cannot listen lets go, and the kernel answers alone. */
static void take_listener(struct worker_box *b, struct msg *m)
{
	struct err e = { 0 };
	b->refused = (struct source){ .fd = msg_get_fd(m), .ready = call_waits };
	if (b->refused.fd >= 0 && loop_watch(b->loop, &b->refused, EPOLLIN, &e) < 0)
		fd_close(&b->refused.fd);
}

static void take_opened(struct worker_box *b, const struct sandbox_event *ev, struct msg *m)
{
	fd_close(&b->opened.fd);
	b->opened.fd = ev->code ? -1 : msg_get_fd(m);
	b->opened.code = ev->code || b->opened.fd >= 0 ? (int)ev->code : EPROTO;
	b->opened.answered = true;
	snprintf(b->opened.error, sizeof b->opened.error, "%s", ev->text);
}

/* hear_opened may have heard what the loop has seen: a message is not waited for. */
static void init_ready(struct source *s, uint32_t events)
{
	struct worker_box *b = of_source(s);
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct sandbox_event ev;
	struct err e = { 0 };
	(void)events;
	if (poll(&p, 1, 0) == 0)
		return;
	automsg m;
	int r = sandbox_init_hear(s->fd, &m, &ev, &e);
	if (r > 0)
		take_event(b, &ev);
	else if (r < 0 && e.code == EPIPE)
		b->dead = true;
	else if (r < 0)
		log_warn("init", "err", e.msg, NULL);
	if (r > 0 && ev.what == SANDBOX_INIT_READY && b->refused.fd < 0)
		take_listener(b, &m);
	if (r > 0 && ev.what == SANDBOX_INIT_OPENED)
		take_opened(b, &ev, &m);
}

static bool wants_actions(const struct worker *w)
{
	const struct job_workflow *flow = w->job->workflow;
	for (size_t i = 0; flow && i < flow->nruns; i++)
		if (flow->runs[i].uses.line)
			return true;
	return false;
}

/* Sources of a step: there may be one that wants them. */
static bool wants_sources(const struct worker *w)
{
	return !w->job->sources.by_step || wants_actions(w);
}

static const char *origin_of(struct worker *w, char *out, size_t size)
{
	*out = '\0';
	if (!wants_sources(w))
		return out;
	const char *url = w->job->sources.url, *host = strstr(url, "://");
	const char *end = host ? strchrnul(host + 3, '/') : url;
	snprintf(out, size, "%.*s", (int)(end - url), url);
	return out;
}

static bool wants_kept_tree(const struct worker *w)
{
	const char *flags = vars_get(w->vars, "GIT_CLEAN_FLAGS");
	const char *strategy = vars_get(w->vars, "GIT_STRATEGY");
	if (strcmp(strategy, "none") == 0)
		return true;
	return strcmp(strategy, "clone") != 0 && strcmp(strategy, "empty") != 0 && flags[0] &&
	       strcmp(flags, "-ffdx") != 0;
}

/* What a workflow's job names in runs-on, a line each. */
static const char *labels_of(struct worker *w, struct err *e)
{
	const struct job_workflow *flow = w->job->workflow;
	autobuf b = BUF(LABELS_MAX);
	for (size_t i = 0; flow && i < flow->nruns_on; i++)
		if (buf_printf(&b, e, "%s\n", flow->runs_on[i]) < 0) {
			err_wrap(e, "runs-on");
			return NULL;
		}
	return b.len ? arena_strdup(&w->arena, buf_cstr(&b), e) : "";
}

static int box_request(struct worker *w, struct msg *m, char *origin, size_t size, struct err *e)
{
	struct gate_sandbox g = {
		.project_dir = w->project_dir,
		.origin = origin_of(w, origin, size),
		.project_id = w->job->project_id,
		.protected_ref = w->job->sources.protected_ref,
		.from_fork = w->job->sources.from_fork,
		.kept = wants_kept_tree(w),
		.actions = wants_actions(w),
		.snapshot = w->snapshot,
		.layers = worker_image_layers(w, &w->image, e),
		.user = worker_image_user(&w->image),
		.aliases = w->services.aliases,
		.labels = labels_of(w, e),
		.folders = worker_folders(w, w->services.own, e),
	};
	msg_init(m, GATE_SANDBOX);
	if (!g.layers || !g.labels || !g.folders)
		return -1;
	gate_put_sandbox(m, &g);
	return 0;
}

int worker_box_ask(struct worker *w, struct err *e)
{
	char origin[512];
	automsg m;
	if (box_request(w, &m, origin, sizeof origin, e) < 0)
		return -1;
	return worker_ask_send(w, &m, e);
}

static int wait_flag(struct worker *w, const struct worker_box *b, const bool *flag, struct err *e)
{
	while (!*flag) {
		if (b->dead)
			return err_set(e, EPIPE, "sandbox: its init has ended");
		if (w->stop >= w->until)
			return err_set(e, ECANCELED, "the job is to end");
		if (loop_once(w->loop, e) < 0)
			return -1;
	}
	return 0;
}

int worker_box_begin(struct worker *w, struct worker_box *b, struct err *e)
{
	const struct usage *u = &b->usage;
	b->loop = w->loop;
	b->refused.fd = b->opened.fd = -1;
	b->src = (struct source){ .fd = b->init, .ready = init_ready };
	if (loop_watch(w->loop, &b->src, EPOLLIN, e) < 0)
		return -1;
	if (u->memory_max && !usage_by_cgroup(u) &&
	    sandbox_init_watch(b->init, u->memory_max, e) < 0)
		return -1;
	return wait_flag(w, b, &b->ready, e);
}

/* What degrades in it is what degrades for the job. */
int worker_box_beside(struct worker *w, const struct gate_service *g, int *ret_init, int *ret_pidfd,
		      struct err *e)
{
	automsg m;
	msg_init(&m, GATE_SERVICE);
	gate_put_service(&m, g);
	if (worker_ask(w, &m, e) < 0)
		return -1;
	*ret_init = msg_get_fd(&w->reply);
	*ret_pidfd = msg_get_fd(&w->reply);
	(void)msg_get_str(&w->reply);
	return msg_end(&w->reply, e);
}

int worker_box_open(struct worker *w, struct err *e)
{
	char origin[512];
	automsg m;
	if (box_request(w, &m, origin, sizeof origin, e) < 0 || worker_ask_wait(w, &m, e) < 0)
		return -1;
	struct worker_box *b = &w->box;
	b->init = msg_get_fd(&w->reply);
	b->pidfd = msg_get_fd(&w->reply);
	w->box_notes = arena_strdup(&w->arena, msg_get_str(&w->reply), e);
	w->settings.network = arena_strdup(&w->arena, msg_get_str(&w->reply), e);
	b->snapshot = msg_get_u32(&w->reply) != 0;
	usage_take(&b->usage, &w->reply);
	if (!w->box_notes || !w->settings.network || msg_end(&w->reply, e) < 0)
		return -1;
	if (w->box_notes[0] &&
	    journal_event(&w->journal, e, "note", "text", w->box_notes, NULL) < 0)
		return -1;
	b->files_dir = w->files_dir;
	return worker_box_begin(w, b, e);
}

int worker_box_file(struct worker *w, const char *name, const void *p, size_t n, struct err *e)
{
	autofd fd = fd_sealed("file", p, n,
			      e); /* the variable's name may be longer than one of those */
	struct worker_box *b = w->here;
	if (fd < 0 || sandbox_init_file(b->init, b->files_dir, name, fd, e) < 0)
		return err_wrap(e, "file variable %s", name);
	b->files++;
	return 0;
}

int worker_box_files_wait(struct worker *w, struct err *e)
{
	struct worker_box *b = w->here;
	while (b->files && !b->dead && !b->error[0]) {
		if (w->stop >= w->until)
			return err_set(e, ECANCELED, "the job is to end");
		if (loop_once(w->loop, e) < 0)
			return -1;
	}
	if (b->error[0])
		return err_set(e, EIO, "%s", b->error);
	return b->dead ? err_set(e, EPIPE, "sandbox: its init has ended") : 0;
}

/* Nothing but init is heard: this is called while output is read. */
static int hear_opened(struct worker_box *b, struct err *e)
{
	struct pollfd p = { .fd = b->init, .events = POLLIN };
	while (!b->opened.answered && !b->dead) {
		int r = poll(&p, 1, OPEN_MS);
		if (r == 0)
			return err_set(e, ETIMEDOUT, "sandbox: its init does not answer");
		if (r > 0)
			init_ready(&b->src, EPOLLIN);
	}
	return b->dead ? err_set(e, EPIPE, "sandbox: its init has ended") : 0;
}

int worker_box_read(struct worker *w, const char *dir, const char *path, struct buf *out,
		    struct err *e)
{
	struct worker_box *b = w->here;
	struct stat st;
	b->opened.answered = false;
	b->opened.fd = -1;
	if (sandbox_init_open(b->init, dir, path, e) < 0 || hear_opened(b, e) < 0)
		return -1;
	autofd fd = fd_take(&b->opened.fd);
	if (fd < 0)
		return err_set(e, b->opened.code, "%s", b->opened.error);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode)) /* it may block, or be endless */
		return err_set(e, EINVAL, "%s: not a regular file", path);
	return fd_read_all(fd, out, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

int worker_box_copy(struct worker *w, struct err *e)
{
	if (sandbox_init_copy(w->box.init, GATE_SNAPSHOT_AT, w->project_dir, e) < 0 ||
	    wait_flag(w, &w->box, &w->box.copied, e) < 0)
		return -1;
	return w->box.copy_error[0] ? err_set(e, EIO, "%s", w->box.copy_error) : 0;
}

struct patience {
	struct timer timer;
	bool over;
};

static void patience_over(struct timer *t)
{
	((struct patience *)(void *)t)->over = true;
}

/* Pump until *done or ms have passed; nothing else interrupts. */
static void wait_at_most(struct worker *w, const bool *done, uint64_t ms)
{
	struct patience p = { .timer = { .fire = patience_over } };
	struct err e = { 0 };
	loop_timer(w->loop, &p.timer, ms);
	while (!*done && !w->box.dead && !p.over)
		if (loop_once(w->loop, &e) < 0)
			break;
	loop_timer_clear(w->loop, &p.timer);
}

/* What init said of the processes that are left. */
struct quiet {
	bool answered, empty;
};

static void quiet_event(void *arg, const struct sandbox_event *ev)
{
	struct quiet *q = arg;
	if (ev->what != SANDBOX_INIT_PROCESSES)
		return;
	q->answered = true;
	q->empty = ev->text[0] == '\0';
}

static int look_quiet(struct worker *w, struct quiet *q, struct err *e)
{
	*q = (struct quiet){ 0 };
	if (sandbox_init_signal(w->box.init, SIGKILL, e) < 0 ||
	    sandbox_init_list(w->box.init, e) < 0)
		return -1;
	wait_at_most(w, &q->answered, END_MS);
	if (w->box.dead)
		return err_set(e, EPIPE, "sandbox: its init has ended");
	return q->answered ? 0 : err_set(e, ETIMEDOUT, "sandbox: its init does not answer");
}

/* A killed process takes its time to be gone. */
int worker_box_quiet(struct worker *w, struct err *e)
{
	enum { LOOKS = 200, PAUSE_MS = 20 };
	struct quiet q = { 0 };
	bool never = false;
	int r = 0;
	w->box.event = quiet_event;
	w->box.arg = &q;
	for (int i = 0; r == 0 && !q.empty && i < LOOKS; i++) {
		if (i)
			wait_at_most(w, &never, PAUSE_MS);
		r = look_quiet(w, &q, e);
	}
	w->box.event = NULL;
	if (r == 0 && !q.empty)
		return err_set(e, EBUSY, "sandbox: a process does not end");
	return r;
}

/* What the job has used, before its processes are gone. */
static void measure(struct worker *w)
{
	struct worker_box *b = &w->box;
	struct err e = { 0 };
	if (!b->dead && b->ready && sandbox_init_measure(b->init, &e) == 0)
		wait_at_most(w, &b->measured, MEASURE_MS);
	usage_read(&b->usage);
}

static void wipe_tree(struct worker *w, const char *path)
{
	struct err e = { 0 };
	w->box.wiped = false;
	if (w->box.dead || sandbox_init_signal(w->box.init, SIGKILL, &e) < 0 ||
	    sandbox_init_wipe(w->box.init, path, &e) < 0)
		log_warn("the job's tree is left to the supervisor", "err", e.msg, NULL);
	else
		wait_at_most(w, &w->box.wiped, WIPE_MS);
}

/* Nothing of the job runs any more; its trees are deleted from inside, by the one who owns them. */
static void wipe(struct worker *w)
{
	char actions[SANDBOX_PATH];
	if (w->box.dead || !w->box.ready || wants_kept_tree(w))
		return;
	wipe_tree(w, w->project_dir);
	snprintf(actions, sizeof actions, "%.200s/%s", w->settings.builds_dir, GATE_ACTIONS);
	if (wants_actions(w))
		wipe_tree(w, actions);
}

/* Readable: init and with it every process of its pid namespace has ended. */
static bool wait_gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	return poll(&p, 1, END_MS) == 1;
}

void worker_box_end(struct worker *w, struct worker_box *b)
{
	stop_listening(b);
	if (b->src.fd >= 0)
		loop_unwatch(w->loop, &b->src);
	fd_close(&b->init);
	b->src.fd = -1;
	b->dead = false;
	if (b->pidfd >= 0 && !wait_gone(b->pidfd))
		log_error("the sandbox did not end", NULL);
	fd_close(&b->pidfd);
}

void worker_box_close(struct worker *w)
{
	struct worker_box *b = &w->box;
	if (b->init < 0)
		return;
	b->event = NULL;
	measure(w);
	wipe(w);
	worker_box_end(w, b);
}
