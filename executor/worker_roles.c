#include "executor/worker_roles.h"

#include "base/fd.h"
#include "executor/carrier.h"

#include <stdio.h>
#include <string.h>

static int ask_role(struct worker *w, uint32_t type, const char *name, struct err *e)
{
	automsg m;
	msg_init(&m, type);
	if (worker_ask(w, &m, e) < 0)
		return err_wrap(e, "%s", name);
	autofd fd = msg_get_fd(&w->reply);
	return msg_end(&w->reply, e) < 0 ? -1 : fd_take(&fd);
}

int worker_archiver(struct worker *w, struct worker_roles *r, struct err *e)
{
	if (r->archiver < 0)
		r->archiver = ask_role(w, GATE_ARCHIVER, "archiver", e);
	return r->archiver;
}

int worker_carrier(struct worker *w, struct worker_roles *r, struct err *e)
{
	if (r->carrier < 0)
		r->carrier = ask_role(w, GATE_CARRIER, "carrier", e);
	return r->carrier;
}

int worker_storer(struct worker *w, struct worker_roles *r, struct err *e)
{
	if (r->storer < 0)
		r->storer = ask_role(w, GATE_STORER, "storer", e);
	return r->storer;
}

int worker_spool(struct worker *w, struct err *e)
{
	return ask_role(w, GATE_SPOOL, "spool", e);
}

void worker_roles_done(struct worker_roles *r)
{
	fd_close(&r->archiver);
	fd_close(&r->carrier);
	fd_close(&r->storer);
}

int worker_hear(struct worker *w, int sock, const char *who, struct msg *ret, struct err *e)
{
	msg_init(ret, 0);
	if (worker_wait_fd(w, sock, -1, e) < 0)
		return -1;
	int r = msg_recv(sock, ret, e);
	if (r == 0)
		return err_set(e, EPIPE, "the %s died", who);
	return r < 0 ? -1 : 0;
}

static int failure(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e)
{
	uint32_t fault = msg_get_u32(m);
	const char *text = msg_get_str(m);
	(void)w;
	if (msg_end(m, e) < 0)
		return -1;
	ret->fault = fault > SOURCES_OK && fault < SOURCES_FAULTS ? fault : SOURCES_INTERNAL;
	return err_set(e, EIO, "%s", text);
}

static int strange(const struct msg *m, const char *who, struct err *e)
{
	return err_set(e, EPROTO, "%s: message %u", who, m->type);
}

enum { HEARD_END, HEARD_FOUND, HEARD_MORE };

static int say_line(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e)
{
	uint32_t style = msg_get_u32(m);
	const char *text = msg_get_str(m);
	(void)ret;
	if (msg_end(m, e) < 0)
		return -1;
	joblog_say(&w->log, style <= SAY_ERROR ? style : SAY_PLAIN, text);
	return HEARD_MORE;
}

static int take_result(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e)
{
	(void)w;
	ret->result.files = msg_get_u64(m);
	ret->result.bytes = msg_get_u64(m);
	ret->result.size = msg_get_u64(m);
	return msg_end(m, e) < 0 ? -1 : HEARD_END;
}

static int take_found(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e)
{
	(void)w;
	ret->found = msg_get_u64(m);
	return msg_end(m, e) < 0 ? -1 : HEARD_FOUND;
}

static int take_stamps(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e)
{
	autofd fd = msg_get_fd(m);
	(void)w;
	if (msg_end(m, e) < 0)
		return -1;
	ret->stamps = fd_take(&fd);
	return HEARD_MORE;
}

struct hearing {
	uint32_t type;
	int (*take)(struct worker *w, struct msg *m, struct worker_heard *ret, struct err *e);
};

static const struct hearing archivers_words[] = {
	{ ARCHIVER_LINE, say_line },      { ARCHIVER_FOUND, take_found },
	{ ARCHIVER_DONE, take_result },   { ARCHIVER_FAILED, failure },
	{ ARCHIVER_STAMPS, take_stamps },
};

static int hear_one(struct worker *w, int sock, struct worker_heard *ret, struct err *e)
{
	automsg m;
	if (worker_hear(w, sock, "archiver", &m, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof archivers_words / sizeof *archivers_words; i++)
		if (archivers_words[i].type == m.type)
			return archivers_words[i].take(w, &m, ret, e);
	return strange(&m, "archiver", e);
}

int worker_hear_archiver(struct worker *w, int sock, struct worker_heard *ret, struct err *e)
{
	int r;
	ret->fault = SOURCES_INTERNAL;
	do
		r = hear_one(w, sock, ret, e);
	while (r == HEARD_MORE);
	return r;
}

static int take_carried(struct msg *m, struct worker_heard *ret, struct err *e)
{
	ret->bytes = msg_get_u64(m);
	snprintf(ret->text, sizeof ret->text, "%s", msg_get_str(m));
	return msg_end(m, e);
}

int worker_hear_carrier(struct worker *w, int sock, struct worker_heard *ret, struct err *e)
{
	ret->fault = SOURCES_INTERNAL;
	for (;;) {
		automsg m;
		if (worker_hear(w, sock, "carrier", &m, e) < 0)
			return -1;
		if (m.type == CARRIER_DONE)
			return take_carried(&m, ret, e);
		if (m.type == CARRIER_FAILED)
			return failure(w, &m, ret, e);
		if (m.type != CARRIER_NOTE)
			return strange(&m, "carrier", e);
		const char *text = msg_get_str(&m);
		if (msg_end(&m, e) < 0)
			return -1;
		joblog_say(&w->log, SAY_WARNING, text);
	}
}
