#include "base/loop.h"

#include "base/clock.h"
#include "base/fd.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { BATCH = 32 };

struct loop {
	int ep;
	struct timer *timers; /* earliest first */
	struct epoll_event batch[BATCH];
	int nbatch;
};

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	if (l->ep >= 0)
		return l;
	err_sys(e, "epoll");
	free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	fd_close(&l->ep);
	free(l);
}

static int control(struct loop *l, int op, struct source *s, uint32_t events, struct err *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };
	return epoll_ctl(l->ep, op, s->fd, &ev) < 0 ? err_sys(e, "watch fd %d", s->fd) : 0;
}

int loop_watch(struct loop *l, struct source *s, uint32_t events, struct err *e)
{
	return control(l, EPOLL_CTL_ADD, s, events, e);
}

int loop_change(struct loop *l, struct source *s, uint32_t events, struct err *e)
{
	return control(l, EPOLL_CTL_MOD, s, events, e);
}

void loop_unwatch(struct loop *l, struct source *s)
{
	if (s->fd >= 0)
		epoll_ctl(l->ep, EPOLL_CTL_DEL, s->fd, NULL);
	for (int i = 0; i < l->nbatch; i++)
		if (l->batch[i].data.ptr == s)
			l->batch[i].data.ptr = NULL;
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
	if (!t->set)
		return;
	struct timer **at = &l->timers;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->next = NULL;
	t->set = false;
}

void loop_timer(struct loop *l, struct timer *t, uint64_t delay_ms)
{
	loop_timer_clear(l, t);
	t->at_ms = clock_ms() + delay_ms;
	struct timer **at = &l->timers;
	while (*at && (*at)->at_ms <= t->at_ms)
		at = &(*at)->next;
	t->next = *at;
	t->set = true;
	*at = t;
}

static int until_next(const struct loop *l)
{
	if (!l->timers)
		return -1;
	uint64_t now = clock_ms();
	if (l->timers->at_ms <= now)
		return 0;
	uint64_t left = l->timers->at_ms - now;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void fire_due(struct loop *l)
{
	uint64_t now = clock_ms();
	while (l->timers && l->timers->at_ms <= now) {
		struct timer *t = l->timers;
		loop_timer_clear(l, t);
		t->fire(t);
	}
}

int loop_once(struct loop *l, struct err *e)
{
	int n = epoll_wait(l->ep, l->batch, BATCH, until_next(l));
	if (n < 0 && errno != EINTR)
		return err_sys(e, "epoll");
	l->nbatch = n < 0 ? 0 : n;
	for (int i = 0; i < l->nbatch; i++) {
		struct source *s = l->batch[i].data.ptr;
		if (s)
			s->ready(s, l->batch[i].events);
	}
	l->nbatch = 0;
	fire_due(l);
	return 0;
}

int loop_fd(const struct loop *l)
{
	return l->ep;
}

int loop_until(struct loop *l, const bool *done, struct err *e)
{
	while (!*done)
		if (loop_once(l, e) < 0)
			return -1;
	return 0;
}

int loop_signals(const int *signals, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, "sigprocmask");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}
