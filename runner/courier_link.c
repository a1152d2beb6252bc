#include "runner/courier_link.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#include <signal.h>
#include <sys/epoll.h>

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 30000, STEADY_MS = 60000 };

union any_answer {
	struct courier_job job;
	struct courier_accepted accepted;
	struct courier_dropped dropped;
	struct courier_cancel cancel;
	struct courier_reported reported;
	struct courier_token token;
	struct courier_health health;
	struct courier_stat stat;
};

static void hear_job(struct courier_link *l, union any_answer *a)
{
	l->ops->job(l->arg, &a->job);
}

static void hear_accepted(struct courier_link *l, union any_answer *a)
{
	l->ops->accepted(l->arg, &a->accepted);
}

static void hear_dropped(struct courier_link *l, union any_answer *a)
{
	l->ops->dropped(l->arg, &a->dropped);
}

static void hear_cancel(struct courier_link *l, union any_answer *a)
{
	l->ops->cancel(l->arg, &a->cancel);
}

static void hear_reported(struct courier_link *l, union any_answer *a)
{
	l->ops->reported(l->arg, &a->reported);
}

static void hear_token(struct courier_link *l, union any_answer *a)
{
	l->ops->token(l->arg, &a->token);
}

static void hear_health(struct courier_link *l, union any_answer *a)
{
	l->ops->health(l->arg, &a->health);
}

static void hear_stat(struct courier_link *l, union any_answer *a)
{
	l->ops->stat(l->arg, &a->stat);
}

static void (*const hearers[COURIER_TYPES])(struct courier_link *l, union any_answer *a) = {
	[COURIER_JOB] = hear_job,           [COURIER_ACCEPTED] = hear_accepted,
	[COURIER_DROPPED] = hear_dropped,   [COURIER_CANCEL] = hear_cancel,
	[COURIER_REPORTED] = hear_reported, [COURIER_TOKEN] = hear_token,
	[COURIER_HEALTH] = hear_health,     [COURIER_STAT] = hear_stat,
};

static void drop_socket(struct courier_link *l)
{
	if (l->socket.fd < 0)
		return;
	loop_unwatch(l->host->loop, &l->socket);
	fd_close(&l->socket.fd);
}

static void ready(struct source *s, uint32_t events)
{
	struct courier_link *l =
		(struct courier_link *)(void *)((char *)s - offsetof(struct courier_link, socket));
	union any_answer a;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(s->fd, &m, &e);
	if (r > 0 && m.type < COURIER_TYPES && hearers[m.type] && courier_take(&m, &a, &e) == 0) {
		hearers[m.type](l, &a);
		return;
	}
	if (r < 0 && e.code == EAGAIN)
		return;
	if (r != 0)
		log_error("the courier is not understood and replaced", "err", e.msg, NULL);
	drop_socket(l);
	role_signal(&l->role, SIGKILL);
}

static int start(struct courier_link *l, struct err *e);

static void start_again(struct timer *t)
{
	struct courier_link *l =
		(struct courier_link *)(void *)((char *)t - offsetof(struct courier_link, again));
	struct err e = { 0 };
	if (start(l, &e) == 0)
		return;
	log_error("the courier cannot be started", "err", e.msg, NULL);
	loop_timer(l->host->loop, t, PAUSE_MAX_MS);
}

static void ended(struct role *r, int status)
{
	struct courier_link *l =
		(struct courier_link *)(void *)((char *)r - offsetof(struct courier_link, role));
	(void)status;
	drop_socket(l);
	if (l->stopping)
		return;
	if (clock_ms() - l->started_ms > STEADY_MS)
		l->pause_ms = PAUSE_FIRST_MS;
	log_warn("the courier is gone; jobs go on, a new one ships what they print", NULL);
	loop_timer(l->host->loop, &l->again, l->pause_ms + clock_jitter(l->pause_ms));
	l->pause_ms = l->pause_ms * 2 < PAUSE_MAX_MS ? l->pause_ms * 2 : PAUSE_MAX_MS;
}

static int start(struct courier_link *l, struct err *e)
{
	int pair[2];
	char ids[PRIV_TEXT];
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	l->socket = (struct source){ .fd = pair[0], .ready = ready };
	priv_role_text(&l->host->priv, PRIV_COURIER, 0, ids);
	struct role_start s = { .name = "courier",
				.ids = ids,
				.fds = &theirs,
				.nfds = 1,
				.args = l->ops->certificates(l->arg) };
	l->role.ended = ended;
	l->started_ms = clock_ms();
	if (role_start(&l->role, l->host->loop, l->host->libexec, &s, e) < 0 ||
	    loop_watch(l->host->loop, &l->socket, EPOLLIN, e) < 0) {
		fd_close(&l->socket.fd);
		return -1;
	}
	l->ops->up(l->arg);
	return 0;
}

int courier_link_open(struct courier_link *l, struct host *h, const struct courier_ops *ops,
		      void *arg, struct err *e)
{
	*l = (struct courier_link){
		.host = h,
		.ops = ops,
		.arg = arg,
		.socket = { .fd = -1 },
		.again = { .fire = start_again },
		.pause_ms = PAUSE_FIRST_MS,
	};
	return start(l, e);
}

void courier_link_say(struct courier_link *l, enum courier_type type, const void *from)
{
	struct err e = { 0 };
	if (l->socket.fd < 0 || courier_send(l->socket.fd, type, from, &e) == 0)
		return;
	log_error("the courier does not listen and is replaced", "err", e.msg, NULL);
	drop_socket(l);
	role_signal(&l->role, SIGKILL);
}

void courier_link_close(struct courier_link *l)
{
	l->stopping = true;
	if (!l->host)
		return;
	loop_timer_clear(l->host->loop, &l->again);
	drop_socket(l);
	if (!role_runs(&l->role))
		return;
	loop_unwatch(l->host->loop, &l->role.exit);
	proc_wait(&l->role.proc);
}
