#include "runner/slot_keeper.h"

#include "base/fd.h"
#include "base/log.h"
#include "executor/secrets.h"
#include "runner/rendezvous.h"
#include "runner/revocable.h"

#include <errno.h>
#include <sys/epoll.h>

/* Of a keeper that an earlier supervisor started. */
static int take_hello(struct slot *s, struct msg *m, struct err *e)
{
	autofd self = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (role_runs(&s->keeper))
		return err_set(e, EPROTO, "it is known");
	return role_adopt(&s->keeper, "keeper", s->host->loop, fd_take(&self), e);
}

/* One message. False: there is none, or no more will come. */
static bool take(struct slot *s)
{
	struct err e = { 0 };
	automsg m;
	int r = msg_recv(s->keeper_socket.fd, &m, &e);
	if (r > 0) {
		r = m.type == SECRETS_HELLO ? take_hello(s, &m, &e)
					    : revocable_take(&s->revocable, &m, &e);
		if (r < 0)
			log_warn("keeper", "job", s->name, "err", e.msg, NULL);
		return true;
	}
	if (r < 0 && e.code == EAGAIN)
		return false;
	loop_unwatch(s->host->loop, &s->keeper_socket);
	fd_close(&s->keeper_socket.fd);
	return false;
}

static void keeper_ready(struct source *src, uint32_t events)
{
	(void)events;
	take((struct slot *)(void *)((char *)src - offsetof(struct slot, keeper_socket)));
}

int slot_keeper_watch(struct slot *s, struct err *e)
{
	s->keeper_socket.ready = keeper_ready;
	return loop_watch(s->host->loop, &s->keeper_socket, EPOLLIN, e);
}

int slot_keeper_reach(struct slot *s, struct err *e)
{
	struct err why = { 0 };
	s->keeper_socket.fd = rendezvous_connect(s->dir, "keeper", &why);
	if (s->keeper_socket.fd >= 0)
		return slot_keeper_watch(s, e);
	if (why.code != ENOENT && why.code != ECONNREFUSED)
		log_warn("keeper", "job", s->name, "err", why.msg, NULL);
	return 0;
}

void slot_keeper_ended(struct slot *s)
{
	struct err e = { 0 };
	while (s->keeper_socket.fd >= 0 && take(s))
		;
	if (revocable_pending(&s->revocable) && revocable_start(s, &e) < 0)
		log_error("what a dead keeper held is left to its TTL", "job", s->name, "err",
			  e.msg, NULL);
}
