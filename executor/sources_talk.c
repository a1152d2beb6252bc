#include "executor/sources_talk.h"

#include "base/clock.h"
#include "base/fd.h"

#include <poll.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 2048 };

void sources_say(struct sources_job *s, enum say_style style, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	s->say(s->arg, style, line);
}

int sources_fail(struct sources_job *s, enum sources_fault fault)
{
	s->fault = fault;
	return -1;
}

static int expired(struct sources_job *s, struct err *e)
{
	err_set(e, ETIMEDOUT, "the time for getting sources is up");
	return sources_fail(s, SOURCES_TIMEOUT);
}

static int check_interrupt(struct sources_job *s, short revents, struct err *e)
{
	if (!revents || !s->interrupted || !s->interrupted(s->arg))
		return 0;
	err_set(e, ECANCELED, "interrupted while getting sources");
	return sources_fail(s, SOURCES_CANCELLED);
}

static uint64_t left_until(uint64_t until_ms)
{
	uint64_t now = clock_ms();
	return until_ms > now ? until_ms - now : 0;
}

static int poll_failed(struct sources_job *s, struct err *e)
{
	if (errno == EINTR)
		return 0;
	err_sys(e, "poll");
	return sources_fail(s, SOURCES_INTERNAL);
}

/* Until sock (-1: none) can be read (1), or the clock shows until_ms (0). */
static int wait_until(struct sources_job *s, int sock, uint64_t until_ms, struct err *e)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = sock, .events = POLLIN },
				       { .fd = s->watch_fd, .events = POLLIN } };
		uint64_t left = left_until(until_ms);
		int r = poll(p, 2, left > 60000 ? 60000 : (int)left);
		if (r < 0 && poll_failed(s, e) < 0)
			return -1;
		if (r <= 0)
			p[0].revents = p[1].revents = 0;
		if (check_interrupt(s, p[1].revents, e) < 0)
			return -1;
		if (p[0].revents)
			return 1;
		if (left == 0)
			return 0;
	}
}

int sources_pause(struct sources_job *s, uint64_t ms, struct err *e)
{
	uint64_t until = clock_ms() + ms;
	bool late = s->deadline_ms && until > s->deadline_ms;
	int r = wait_until(s, -1, late ? s->deadline_ms : until, e);
	return r == 0 && late ? expired(s, e) : r;
}

/* The next message, which is initialised in any case. */
static int hear(struct sources_job *s, int sock, const char *who, struct msg *m, struct err *e)
{
	msg_init(m, 0);
	int r = wait_until(s, sock, s->deadline_ms ? s->deadline_ms : UINT64_MAX, e);
	if (r == 0)
		return expired(s, e);
	if (r < 0)
		return -1;
	r = msg_recv(sock, m, e);
	if (r == 0)
		err_set(e, EPIPE, "the %s died", who);
	return r > 0 ? 0 : sources_fail(s, SOURCES_INTERNAL);
}

/* u32 fault, str text. */
static int heard_failure(struct sources_job *s, struct msg *m, struct err *e)
{
	uint32_t fault = msg_get_u32(m);
	const char *text = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return sources_fail(s, SOURCES_INTERNAL);
	err_set(e, EIO, "%s", text);
	return sources_fail(s, fault > SOURCES_OK && fault < SOURCES_FAULTS ? fault
									    : SOURCES_INTERNAL);
}

static int fetched(struct sources_job *s, int sock, struct fetch_result *ret, struct err *e)
{
	for (;;) {
		automsg m;
		if (hear(s, sock, "fetcher", &m, e) < 0)
			return -1;
		if (m.type == FETCH_FAILED)
			return heard_failure(s, &m, e);
		if (m.type == FETCH_DONE)
			return fetch_get_done(&m, ret, e) < 0 ? sources_fail(s, SOURCES_INTERNAL)
							      : 0;
		const char *text = msg_get_str(&m);
		if (m.type != FETCH_PROGRESS || msg_end(&m, e) < 0) {
			err_set(e, EPROTO, "fetcher: message %u", m.type);
			return sources_fail(s, SOURCES_INTERNAL);
		}
		sources_say(s, SAY_PLAIN, "%s", text);
	}
}

int sources_fetch(struct sources_job *s, const struct fetch_request *r, struct fetch_result *ret,
		  struct err *e)
{
	automsg m;
	fetch_put(&m, r);
	autofd sock = s->fetcher(s->arg, r->url, r->whose, e);
	if (sock < 0 || msg_send(sock, &m, e) < 0)
		return sources_fail(s, SOURCES_INTERNAL);
	if (fetched(s, sock, ret, e) < 0)
		return -1;
	s->requests += ret->requests;
	if (*ret->note)
		sources_say(s, SAY_WARNING, "%s", ret->note);
	return 0;
}

int sources_pack(struct sources_job *s, int sock, const struct msg *request,
		 struct pack_result *ret, struct err *e)
{
	struct pack_result unused = PACK_RESULT;
	automsg m;
	msg_init(&m, 0);
	if (msg_send(sock, request, e) < 0)
		return sources_fail(s, SOURCES_INTERNAL);
	if (hear(s, sock, "packer", &m, e) < 0)
		return -1;
	if (m.type == PACK_FAILED)
		return heard_failure(s, &m, e);
	if (m.type != PACK_DONE || pack_get_done(&m, ret ? ret : &unused, e) < 0) {
		err_set(e, EPROTO, "packer: message %u", m.type);
		return sources_fail(s, SOURCES_INTERNAL);
	}
	fd_close(&unused.modules);
	return 0;
}
