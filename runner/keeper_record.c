/* What another keeper needs should this one die: told to the supervisor, and to the one after it. */
#include "base/fd.h"
#include "base/log.h"
#include "runner/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FULL_MS = 5000 };

static int tell(const struct keeper *k, const struct msg *m, struct err *e)
{
	struct pollfd p = { .fd = k->supervisor, .events = POLLOUT };
	int r = msg_send(k->supervisor, m, e);
	while (r < 0 && e->code == EAGAIN && poll(&p, 1, FULL_MS) > 0) {
		err_clear(e);
		r = msg_send(k->supervisor, m, e);
	}
	return r;
}

/* Without it, what is held could outlive us. A supervisor that is gone is no error: the next one gets
 * it. */
void keeper_record(struct keeper *k, const struct vault *v, unsigned index)
{
	struct err e = { 0 };
	__attribute__((cleanup(buf_wipe))) struct buf record = BUF(MSG_MAX);
	automsg m;
	if (k->supervisor < 0 || !vault_holds(v))
		return;
	msg_init(&m, SECRETS_REVOCABLE);
	msg_put_u32(&m, index);
	if (vault_record(v, &record, &e) == 0)
		msg_put_bytes(&m, buf_cstr(&record), record.len);
	if (e.code || (tell(k, &m, &e) < 0 && e.code != EPIPE))
		log_error("what revocation needs is not kept", "job", k->audit.job, "err", e.msg,
			  NULL);
}

void keeper_record_forget(struct keeper *k)
{
	for (size_t i = 0; i < k->store.nidentities && k->supervisor >= 0; i++) {
		struct err e = { 0 };
		automsg m;
		if (vault_holds(k->store.identities[i]))
			continue;
		msg_init(&m, SECRETS_GONE);
		msg_put_u32(&m, (uint32_t)i);
		if (tell(k, &m, &e) < 0 && e.code != EPIPE)
			log_warn("supervisor", "err", e.msg, NULL);
	}
}

bool keeper_record_kept(const struct keeper *k)
{
	struct pollfd p = { .fd = k->supervisor };
	return k->supervisor >= 0 && poll(&p, 1, 0) == 0;
}

static int say_hello(const struct keeper *k, struct err *e)
{
	automsg m;
	msg_init(&m, SECRETS_HELLO);
	autofd self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	msg_put_fd(&m, self);
	return tell(k, &m, e);
}

/* Who may connect is decided by the directory that the socket is in. */
static void listen_ready(struct source *s, uint32_t events)
{
	struct keeper *k = (struct keeper *)(void *)((char *)s - offsetof(struct keeper, listen));
	struct err e = { 0 };
	(void)events;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	fd_close(&k->supervisor);
	k->supervisor = fd;
	if (say_hello(k, &e) < 0) {
		log_warn("supervisor", "err", e.msg, NULL);
		return;
	}
	for (size_t i = 0; i < k->store.nidentities; i++)
		keeper_record(k, k->store.identities[i], (unsigned)i);
}

int keeper_record_listen(struct keeper *k, struct err *e)
{
	k->listen.ready = listen_ready;
	return k->listen.fd < 0 ? 0 : loop_watch(k->loop, &k->listen, EPOLLIN, e);
}
