/* The worker's side of the gate: one request at a time, a supervisor that may be replaced, and the
 * reasons to stop. */
#include "executor/worker.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ORPHAN_MS = 10 * 60 * 1000 };

static struct worker *of_supervisor(struct source *s)
{
	return (struct worker *)(void *)((char *)s - offsetof(struct worker, supervisor));
}

static struct worker *of_listen(struct source *s)
{
	return (struct worker *)(void *)((char *)s - offsetof(struct worker, listen));
}

void worker_stop(struct worker *w, enum stop why)
{
	if (why > w->stop)
		w->stop = why;
}

static const enum stop stop_of_cancel[] = {
	[GATE_CANCEL_NONE] = STOP_NONE,
	[GATE_CANCEL_GRACEFUL] = STOP_CANCEL,
	[GATE_CANCEL_ABORT] = STOP_ABORT,
	[GATE_CANCEL_INTERRUPT] = STOP_INTERRUPT,
};

static void take_cancel(struct worker *w, struct msg *m)
{
	struct err e = { 0 };
	uint32_t kind = msg_get_u32(m);
	if (msg_end(m, &e) < 0 || kind >= sizeof stop_of_cancel / sizeof *stop_of_cancel)
		log_warn("malformed cancel", "err", e.msg, NULL);
	else
		worker_stop(w, stop_of_cancel[kind]);
}

static void take_message(struct worker *w, struct msg *m)
{
	switch (m->type) {
	case GATE_GO:
		w->go = true;
		break;
	case GATE_CANCEL:
		take_cancel(w, m);
		break;
	case GATE_GRANTED:
	case GATE_REFUSED:
		msg_done(&w->reply);
		w->reply = *m; /* moved: its fds and memory go with it */
		*m = (struct msg){ 0 };
		w->answered = true;
		break;
	default:
		log_warn("unknown message of the supervisor", NULL);
	}
}

static void lose_supervisor(struct worker *w)
{
	loop_unwatch(w->loop, &w->supervisor);
	fd_close(&w->supervisor.fd);
	if (w->settings.alone) {
		worker_stop(w, STOP_INTERRUPT);
		return;
	}
	if (!w->go)
		loop_timer(w->loop, &w->orphan, ORPHAN_MS);
	log_warn("the supervisor is gone; the job goes on", NULL);
}

static void supervisor_ready(struct source *s, uint32_t events)
{
	struct worker *w = of_supervisor(s);
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(s->fd, &m, &e);
	if (r > 0)
		take_message(w, &m);
	else if (r == 0 || e.code != EAGAIN)
		lose_supervisor(w);
}

static void say_hello(struct worker *w)
{
	struct err e = { 0 };
	automsg m;
	msg_init(&m, GATE_HELLO);
	msg_put_u64(&m, w->job ? w->job->id : 0);
	msg_put_u32(&m, w->phase);
	autofd self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	msg_put_fd(&m, self);
	msg_put_fd(&m, WORKER_DOORBELL);
	if (w->box.pidfd >= 0)
		msg_put_fd(&m, w->box.pidfd);
	if (w->box.pidfd >= 0)
		worker_services_hello(w, &m);
	if (w->here != &w->box && w->here->pidfd >= 0 && m.nfds < MSG_FDS)
		msg_put_fd(&m, w->here->pidfd);
	if (msg_send(w->supervisor.fd, &m, &e) < 0)
		log_warn("hello", "err", e.msg, NULL);
}

/* A supervisor of a later life. Who may connect is decided by the directory that the socket is in. */
static void listen_ready(struct source *s, uint32_t events)
{
	struct worker *w = of_listen(s);
	struct err e = { 0 };
	(void)events;
	autofd fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (w->supervisor.fd >= 0)
		lose_supervisor(w);
	w->supervisor.fd = fd;
	if (loop_watch(w->loop, &w->supervisor, EPOLLIN, &e) < 0) {
		w->supervisor.fd = -1;
		return;
	}
	fd_take(&fd);
	loop_timer_clear(w->loop, &w->orphan);
	w->reconnected = true;
	say_hello(w);
}

/* Nobody has come to say that the job may begin. */
static void orphan_passed(struct timer *t)
{
	struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, orphan));
	worker_stop(w, STOP_INTERRUPT);
}

static void deadline_passed(struct timer *t)
{
	struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, deadline));
	worker_stop(w, STOP_TIMEOUT);
}

static void preparation_passed(struct timer *t)
{
	struct worker *w = (struct worker *)(void *)((char *)t -
						     offsetof(struct worker, preparation));
	char text[32];
	str_duration_text(w->settings.prepare_ms, text, sizeof text);
	verdict_set(&w->verdict, ENDING_INFRA, "the preparation took longer than %s", text);
	worker_stop(w, STOP_ABORT);
}

int worker_gate_init(struct worker *w, struct err *e)
{
	w->supervisor = (struct source){ .fd = WORKER_SUPERVISOR, .ready = supervisor_ready };
	w->listen = (struct source){ .fd = WORKER_LISTEN, .ready = listen_ready };
	w->deadline.fire = deadline_passed;
	w->preparation.fire = preparation_passed;
	w->orphan.fire = orphan_passed;
	if (loop_watch(w->loop, &w->supervisor, EPOLLIN, e) < 0)
		return -1;
	return loop_watch(w->loop, &w->listen, EPOLLIN, e);
}

int worker_wait(struct worker *w, const bool *done, enum stop until, struct err *e)
{
	while (!*done) {
		if (w->stop >= until)
			return err_set(e, ECANCELED, "the job is to end");
		if (loop_once(w->loop, e) < 0)
			return -1;
	}
	return 0;
}

struct fd_wait {
	struct source src;
	struct timer timer;
	bool done, readable;
};

static void fd_ready(struct source *s, uint32_t events)
{
	struct fd_wait *f = (struct fd_wait *)(void *)s;
	(void)events;
	f->done = f->readable = true;
}

static void time_passed(struct timer *t)
{
	struct fd_wait *f = (struct fd_wait *)(void *)((char *)t - offsetof(struct fd_wait, timer));
	f->done = true;
}

int worker_wait_fd(void *worker, int fd, int ms, struct err *e)
{
	struct worker *w = worker;
	struct fd_wait f = {
		.src = { .fd = fd, .ready = fd_ready },
		.timer = { .fire = time_passed },
	};
	if (fd >= 0 && loop_watch(w->loop, &f.src, EPOLLIN, e) < 0)
		return -1;
	if (ms >= 0)
		loop_timer(w->loop, &f.timer, (uint64_t)ms);
	int r = worker_wait(w, &f.done, w->until, e);
	loop_timer_clear(w->loop, &f.timer);
	if (fd >= 0)
		loop_unwatch(w->loop, &f.src);
	return r < 0 ? -1 : f.readable;
}

int worker_ask_send(struct worker *w, const struct msg *m, struct err *e)
{
	w->answered = false;
	w->reconnected = false;
	if (w->supervisor.fd < 0)
		return 0; /* sent when a supervisor comes */
	return msg_send(w->supervisor.fd, m, e);
}

int worker_ask_wait(struct worker *w, const struct msg *m, struct err *e)
{
	while (!w->answered) {
		if (w->stop >= w->until)
			return err_set(e, ECANCELED, "the job is to end");
		if (loop_once(w->loop, e) < 0)
			return -1;
		if (w->reconnected && !w->answered && worker_ask_send(w, m, e) < 0)
			return -1;
	}
	if (w->reply.type == GATE_GRANTED)
		return 0;
	return err_set(e, EPERM, "%s", msg_get_str(&w->reply));
}

int worker_ask(struct worker *w, struct msg *m, struct err *e)
{
	return worker_ask_send(w, m, e) < 0 ? -1 : worker_ask_wait(w, m, e);
}

static void account(struct worker *w, enum phase p, uint64_t ms)
{
	struct err e = { 0 };
	char num[STR_NUM];
	w->spent_ms[p] += ms;
	w->spent[p] = true;
	if (journal_event(&w->journal, &e, "timing", "name", phase_name(p), "ms",
			  str_num(num, w->spent_ms[p]), NULL) < 0)
		w->log.broken = e;
}

void worker_queue_time(struct worker *w)
{
	if (w->job->queue_s > 0)
		account(w, PHASE_QUEUE, (uint64_t)(w->job->queue_s * 1000));
}

void worker_account(struct worker *w, enum phase p)
{
	uint64_t now = clock_ms();
	if (p != w->charged)
		account(w, w->charged, now - w->phase_since_ms);
	w->charged = p;
	w->phase_since_ms = now;
}

void worker_phase(struct worker *w, enum phase p)
{
	struct err e = { 0 };
	worker_account(w, p);
	w->phase = p;
	if (p == PHASES)
		return;
	if (journal_event(&w->journal, &e, "phase", "name", phase_name(p), NULL) < 0)
		w->log.broken = e;
	automsg m;
	msg_init(&m, GATE_PHASE);
	msg_put_u32(&m, p);
	err_clear(&e);
	if (w->supervisor.fd >= 0 && msg_send(w->supervisor.fd, &m, &e) < 0)
		log_warn("phase", "err", e.msg, NULL);
}

struct stop_row {
	enum ending ending;
	const char *what;
};

static const struct stop_row stops[] = {
	[STOP_NONE] = { ENDING_SUCCESS, "" },
	[STOP_SCRIPT_TIMEOUT] = { ENDING_TIMEOUT, "the script's time limit was exceeded" },
	[STOP_CANCEL] = { ENDING_CANCELLED, "canceled" },
	[STOP_TIMEOUT] = { ENDING_TIMEOUT, "" },
	[STOP_ABORT] = { ENDING_CANCELLED, "canceled" },
	[STOP_INTERRUPT] = { ENDING_INTERRUPTED, "aborted: terminated" },
};

void worker_stop_verdict(struct worker *w)
{
	char text[32];
	const struct stop_row *r = &stops[w->stop];
	if (r->ending == ENDING_SUCCESS)
		return;
	if (r->what[0]) {
		verdict_set(&w->verdict, r->ending, "%s", r->what);
		return;
	}
	str_duration_text((uint64_t)w->job->timeout_s * 1000, text, sizeof text);
	verdict_set(&w->verdict, r->ending, "execution took longer than %s seconds", text);
}
