#include "base/msg.h"

#include "base/clock.h"
#include "base/fd.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Room for MSG_FDS descriptors, aligned as a control message must be. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * MSG_FDS)];
};

int msg_pair(int ret[2], struct err *e)
{
	int sv[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_sys(e, "socketpair");
	ret[0] = sv[0];
	ret[1] = sv[1];
	return 0;
}

void msg_init(struct msg *m, uint32_t type)
{
	*m = (struct msg){ .type = type, .body = BUF(MSG_MAX) };
}

void msg_done(struct msg *m)
{
	for (unsigned i = m->fdat; m->received && i < m->nfds; i++)
		fd_close(&m->fds[i]);
	m->nfds = m->fdat = 0;
	buf_wipe(&m->body);
}

static void put(struct msg *m, const void *p, size_t n)
{
	struct err e = { 0 };
	if (buf_add(&m->body, p, n, &e) < 0)
		m->bad = true;
}

void msg_put_u32(struct msg *m, uint32_t v)
{
	put(m, &v, sizeof v);
}

void msg_put_u64(struct msg *m, uint64_t v)
{
	put(m, &v, sizeof v);
}

void msg_put_bytes(struct msg *m, const void *p, size_t n)
{
	msg_put_u32(m, (uint32_t)n);
	if (n > MSG_MAX)
		m->bad = true;
	else if (n)
		put(m, p, n);
}

void msg_put_str(struct msg *m, const char *s)
{
	msg_put_bytes(m, s, strlen(s) + 1);
}

void msg_put_fd(struct msg *m, int fd)
{
	if (fd < 0 || m->nfds == MSG_FDS)
		m->bad = true;
	else
		m->fds[m->nfds++] = fd;
}

int msg_send(int sock, const struct msg *m, struct err *e)
{
	if (m->bad)
		return err_set(e, E2BIG, "message %u does not fit", m->type);
	uint32_t type = m->type;
	struct iovec iov[2] = {
		{ .iov_base = &type, .iov_len = sizeof type },
		{ .iov_base = m->body.p, .iov_len = m->body.len },
	};
	union control c = { 0 };
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 2 };
	if (m->nfds) {
		size_t bytes = sizeof(int) * m->nfds;
		h.msg_control = c.bytes;
		h.msg_controllen = CMSG_SPACE(bytes);
		struct cmsghdr *ch = CMSG_FIRSTHDR(&h);
		ch->cmsg_level = SOL_SOCKET;
		ch->cmsg_type = SCM_RIGHTS;
		ch->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(ch), m->fds, bytes);
	}
	ssize_t n;
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, "send message %u", m->type) : 0;
}

static void take_fds(struct msg *m, struct msghdr *h)
{
	for (struct cmsghdr *ch = CMSG_FIRSTHDR(h); ch; ch = CMSG_NXTHDR(h, ch)) {
		if (ch->cmsg_level != SOL_SOCKET || ch->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (ch->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(ch) + i * sizeof fd, sizeof fd);
			if (m->nfds < MSG_FDS)
				m->fds[m->nfds++] = fd;
			else
				fd_close(&fd);
		}
	}
}

/* The size of the next message without taking it: 0 at the end, -1 on error. */
static ssize_t next_size(int sock, struct err *e)
{
	ssize_t n;
	do
		n = recv(sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET)
		return 0;
	if (n < 0)
		err_sys(e, "receive");
	return n;
}

int msg_recv(int sock, struct msg *m, struct err *e)
{
	msg_init(m, 0);
	m->received = true;
	ssize_t size = next_size(sock, e);
	if (size <= 0)
		return (int)size;
	if (size > (ssize_t)(MSG_MAX + sizeof m->type))
		return err_set(e, EMSGSIZE, "message of %zd bytes", size);
	size_t room = (size_t)size > sizeof m->type ? (size_t)size - sizeof m->type : 0;
	if (buf_reserve(&m->body, room, e) < 0)
		return -1;
	struct iovec iov[2] = {
		{ .iov_base = &m->type, .iov_len = sizeof m->type },
		{ .iov_base = m->body.p, .iov_len = room },
	};
	union control c = { 0 };
	struct msghdr h = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = c.bytes,
		.msg_controllen = sizeof c.bytes,
	};
	ssize_t n;
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "receive");
	take_fds(m, &h);
	if (n < (ssize_t)sizeof m->type || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return err_set(e, EPROTO, "malformed message");
	m->body.len = (size_t)n - sizeof m->type;
	m->body.p[m->body.len] = '\0';
	return 1;
}

int msg_recv_within(int sock, struct msg *m, int timeout_ms, struct err *e)
{
	uint64_t end = clock_ms() + (uint64_t)timeout_ms;
	struct pollfd p = { .fd = sock, .events = POLLIN };
	msg_init(m, 0);
	for (;;) {
		uint64_t now = clock_ms();
		int r = poll(&p, 1, now < end ? (int)(end - now) : 0);
		if (r > 0)
			return msg_recv(sock, m, e);
		if (r == 0)
			return err_set(e, ETIMEDOUT, "no answer within %d ms", timeout_ms);
		if (errno != EINTR)
			return err_sys(e, "poll");
	}
}

static const void *get(struct msg *m, size_t n)
{
	if (m->bad || n > m->body.len - m->at) {
		m->bad = true;
		return NULL;
	}
	const void *p = m->body.p + m->at;
	m->at += n;
	return p;
}

uint32_t msg_get_u32(struct msg *m)
{
	uint32_t v = 0;
	const void *p = get(m, sizeof v);
	if (p)
		memcpy(&v, p, sizeof v);
	return v;
}

uint64_t msg_get_u64(struct msg *m)
{
	uint64_t v = 0;
	const void *p = get(m, sizeof v);
	if (p)
		memcpy(&v, p, sizeof v);
	return v;
}

const void *msg_get_bytes(struct msg *m, size_t *n)
{
	size_t len = msg_get_u32(m);
	const void *p = get(m, len);
	*n = p ? len : 0;
	return p ? p : "";
}

const char *msg_get_str(struct msg *m)
{
	size_t n;
	const char *s = msg_get_bytes(m, &n);
	if (n == 0 || memchr(s, '\0', n) != s + n - 1) {
		m->bad = true;
		return "";
	}
	return s;
}

int msg_get_fd(struct msg *m)
{
	if (m->fdat < m->nfds)
		return m->fds[m->fdat++];
	m->bad = true;
	return -1;
}

int msg_end(const struct msg *m, struct err *e)
{
	if (m->bad || m->at != m->body.len || m->fdat != m->nfds)
		return err_set(e, EPROTO, "message %u: malformed", m->type);
	return 0;
}
