#include "runner/control.h"

#include "base/fd.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum control_type { CONTROL_STATUS = 1, CONTROL_CANCEL, CONTROL_SLOTS = 32, CONTROL_DONE };

enum { CLIENTS = 16, BACKLOG = 16, FLUSH_BYTES = 40 << 10, ANSWER_MS = 10 * 1000 };

struct client {
	struct source source;
	struct control *control;
	struct client *next;
};

struct control {
	struct source source;
	struct loop *loop;
	struct control_ops ops;
	struct client *clients;
	unsigned nclients;
	int state;
};

/* Several slots a message: a thousand small ones would not fit into a socket's buffer. */
struct control_reply {
	int sock;
	struct msg m;
	uint32_t count;
};

/* An address below a directory that is held by an fd: its path may be longer than an address. */
static void address(int dir, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/" CONTROL_NAME, dir);
}

/* --- answers ------------------------------------------------------------------------------------ */

static int reply_flush(struct control_reply *r, struct err *e)
{
	if (!r->m.body.len)
		return 0;
	int sent = msg_send(r->sock, &r->m, e);
	msg_done(&r->m);
	msg_init(&r->m, CONTROL_SLOTS);
	return sent;
}

int control_say(struct control_reply *r, const struct control_slot *s, struct err *e)
{
	msg_put_u32(&r->m, s->number);
	msg_put_u64(&r->m, s->job);
	msg_put_str(&r->m, s->state);
	msg_put_str(&r->m, s->registration);
	msg_put_str(&r->m, s->project);
	msg_put_str(&r->m, s->phase);
	msg_put_u64(&r->m, s->ms);
	r->count++;
	return r->m.body.len > FLUSH_BYTES ? reply_flush(r, e) : 0;
}

static int done_send(int sock, int count, const struct err *failed, struct err *e)
{
	automsg m;
	msg_init(&m, CONTROL_DONE);
	msg_put_u32(&m, count < 0 ? 0 : 1);
	msg_put_u32(&m, count < 0 ? 0 : (uint32_t)count);
	msg_put_str(&m, count < 0 ? failed->msg : "");
	return msg_send(sock, &m, e);
}

static int serve_status(struct client *c, struct msg *m, struct err *e)
{
	struct control_reply r = { .sock = c->source.fd };
	struct err failed = { 0 };
	if (msg_end(m, e) < 0)
		return -1;
	msg_init(&r.m, CONTROL_SLOTS);
	int said = c->control->ops.status(c->control->ops.arg, &r, &failed);
	int sent = reply_flush(&r, e);
	msg_done(&r.m);
	if (sent < 0)
		return -1;
	return done_send(c->source.fd, said < 0 ? -1 : (int)r.count, &failed, e);
}

static int serve_cancel(struct client *c, struct msg *m, struct err *e)
{
	struct err failed = { 0 };
	uint64_t job = msg_get_u64(m);
	bool all = msg_get_u32(m) != 0, abort = msg_get_u32(m) != 0;
	if (msg_end(m, e) < 0)
		return -1;
	int count = c->control->ops.cancel(c->control->ops.arg, job, all, abort, &failed);
	return done_send(c->source.fd, count, &failed, e);
}

static int serve(struct client *c, struct msg *m, struct err *e)
{
	if (m->type == CONTROL_STATUS)
		return serve_status(c, m, e);
	if (m->type == CONTROL_CANCEL)
		return serve_cancel(c, m, e);
	return err_set(e, EPROTO, "request %u: unknown", (unsigned)m->type);
}

/* --- clients ------------------------------------------------------------------------------------ */

static void client_end(struct client *c)
{
	loop_unwatch(c->control->loop, &c->source);
	close(c->source.fd);
	free(c);
}

static void client_drop(struct client *c)
{
	struct control *k = c->control;
	struct client **at = &k->clients;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	k->nclients--;
	client_end(c);
}

static void client_ready(struct source *s, uint32_t events)
{
	struct client *c = (struct client *)(void *)s;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(s->fd, &m, &e);
	if (r > 0 && serve(c, &m, &e) == 0)
		return;
	if (r < 0 && e.code == EAGAIN)
		return;
	if (r != 0)
		log_warn("control", "err", e.msg, NULL);
	client_drop(c);
}

static bool peer_may(int sock)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static int client_add(struct control *k, int sock, struct err *e)
{
	struct client *c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	*c = (struct client){ { sock, client_ready }, k, k->clients };
	if (loop_watch(k->loop, &c->source, EPOLLIN, e) < 0) {
		free(c);
		return -1;
	}
	k->clients = c;
	k->nclients++;
	return 0;
}

static void listener_ready(struct source *s, uint32_t events)
{
	struct control *k = (struct control *)(void *)s;
	struct err e = { 0 };
	(void)events;
	autofd sock = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock < 0 || k->nclients >= CLIENTS)
		return;
	if (!peer_may(sock)) {
		err_set(&e, EACCES, "only root and the daemon's own user may ask it");
		if (done_send(sock, -1, &e, &e) < 0)
			log_debug("control", "err", e.msg, NULL);
		return;
	}
	if (client_add(k, sock, &e) == 0)
		fd_take(&sock);
	else
		log_warn("control", "err", e.msg, NULL);
}

/* --- the daemon's socket ------------------------------------------------------------------------ */

static int listen_at(int state, struct err *e)
{
	struct sockaddr_un a;
	address(state, &a);
	autofd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return err_sys(e, "socket");
	if (unlinkat(state, CONTROL_NAME, 0) < 0 && errno != ENOENT)
		return err_sys(e, CONTROL_NAME);
	if (bind(sock, (struct sockaddr *)&a, sizeof a) < 0 ||
	    fchmodat(state, CONTROL_NAME, 0660, 0) < 0 || listen(sock, BACKLOG) < 0)
		return err_sys(e, CONTROL_NAME);
	return fd_take(&sock);
}

struct control *control_open(struct loop *l, int state, const struct control_ops *ops,
			     struct err *e)
{
	struct control *k = calloc(1, sizeof *k);
	if (!k) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*k = (struct control){ .loop = l, .ops = *ops };
	k->state = fcntl(state, F_DUPFD_CLOEXEC, 0);
	k->source = (struct source){ listen_at(state, e), listener_ready };
	if (k->state >= 0 && k->source.fd >= 0 && loop_watch(l, &k->source, EPOLLIN, e) == 0)
		return k;
	err_wrap(e, "control socket");
	fd_close(&k->source.fd);
	fd_close(&k->state);
	free(k);
	return NULL;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (struct client *one = c->clients, *next; one; one = next) {
		next = one->next;
		client_end(one);
	}
	loop_unwatch(c->loop, &c->source);
	close(c->source.fd);
	unlinkat(c->state, CONTROL_NAME, 0);
	close(c->state);
	free(c);
}

/* --- the commands' half ------------------------------------------------------------------------- */

int control_connect(const char *path, struct err *e)
{
	struct sockaddr_un a;
	autofd dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (dir >= 0)
		address(dir, &a);
	if (dir < 0 || sock < 0 || connect(sock, (struct sockaddr *)&a, sizeof a) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return err_set(e, errno, "no courser runs on the state directory %.200s",
				       path);
		return err_sys(e, "%.200s/" CONTROL_NAME, path);
	}
	return fd_take(&sock);
}

static int take_done(struct msg *m, struct err *e)
{
	bool ok = msg_get_u32(m) != 0;
	uint32_t count = msg_get_u32(m);
	const char *text = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	return ok ? (int)count : err_set(e, EREMOTEIO, "%s", text);
}

static int take_slots(struct msg *m, void (*each)(void *arg, const struct control_slot *s),
		      void *arg, struct err *e)
{
	while (!m->bad && m->at < m->body.len) {
		struct control_slot s = { .number = msg_get_u32(m) };
		s.job = msg_get_u64(m);
		s.state = msg_get_str(m);
		s.registration = msg_get_str(m);
		s.project = msg_get_str(m);
		s.phase = msg_get_str(m);
		s.ms = msg_get_u64(m);
		if (!m->bad)
			each(arg, &s);
	}
	return msg_end(m, e);
}

/* The next message of the daemon. */
static int answer(int sock, struct msg *m, struct err *e)
{
	int r = msg_recv_within(sock, m, ANSWER_MS, e);
	if (r == 0)
		return err_set(e, EPIPE, "the daemon closed the connection");
	return r < 0 ? err_wrap(e, "the daemon") : 0;
}

int control_status(int sock, void (*each)(void *arg, const struct control_slot *s), void *arg,
		   struct err *e)
{
	automsg ask;
	msg_init(&ask, CONTROL_STATUS);
	if (msg_send(sock, &ask, e) < 0)
		return -1;
	for (;;) {
		automsg m;
		if (answer(sock, &m, e) < 0)
			return -1;
		if (m.type == CONTROL_DONE)
			return take_done(&m, e) < 0 ? -1 : 0;
		if (m.type != CONTROL_SLOTS || take_slots(&m, each, arg, e) < 0)
			return err_set(e, EPROTO, "the daemon's answer is not understood");
	}
}

int control_cancel(int sock, uint64_t job, bool all, bool abort, struct err *e)
{
	automsg ask, m;
	msg_init(&ask, CONTROL_CANCEL);
	msg_init(&m, 0);
	msg_put_u64(&ask, job);
	msg_put_u32(&ask, all);
	msg_put_u32(&ask, abort);
	if (msg_send(sock, &ask, e) < 0)
		return -1;
	msg_done(&m);
	if (answer(sock, &m, e) < 0)
		return -1;
	if (m.type != CONTROL_DONE)
		return err_set(e, EPROTO, "the daemon's answer is not understood");
	return take_done(&m, e);
}
