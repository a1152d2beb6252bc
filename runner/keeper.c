#include "runner/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	FULL_MS = 5000,
	RENEW_MS = 20 * 1000,
	CONNECT_MS = 10 * 1000,
	RECORDS_MAX = 256,
	AGAIN_MS = 250
};

/* --- the worker's socket --- */

static struct keeper *of_worker(struct source *s)
{
	return (struct keeper *)(void *)((char *)s - offsetof(struct keeper, worker));
}

/* While a request is under way only the worker's end is of interest; it stops the request. */
static void watch(struct keeper *k, bool messages)
{
	struct err e = { 0 };
	uint32_t events = EPOLLRDHUP | (messages ? (uint32_t)EPOLLIN : 0);
	if (!k->gone && loop_change(k->loop, &k->worker, events, &e) < 0)
		log_error("worker's socket", "err", e.msg, NULL);
}

static void worker_ready(struct source *s, uint32_t events)
{
	struct keeper *k = of_worker(s);
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		k->gone = true;
		loop_unwatch(k->loop, s);
		return;
	}
	k->ready = true;
	watch(k, false);
}

void keeper_send(struct keeper *k, const struct msg *m)
{
	struct err e = { 0 };
	struct pollfd p = { .fd = k->worker.fd, .events = POLLOUT };
	int r = msg_send(k->worker.fd, m, &e);
	while (r < 0 && e.code == EAGAIN && poll(&p, 1, FULL_MS) > 0) {
		err_clear(&e);
		r = msg_send(k->worker.fd, m, &e);
	}
	if (r < 0 && e.code != EPIPE)
		log_warn("worker", "err", e.msg, NULL);
}

static int serve_read(struct keeper *k, struct msg *m, struct err *e)
{
	struct secrets_read r;
	secrets_get_read(m, &r);
	if (msg_end(m, e) < 0)
		return -1;
	keeper_serve_read(k, &r);
	return 0;
}

static int serve_leave(struct keeper *k, struct msg *m, struct err *e)
{
	k->left = true;
	return msg_end(m, e);
}

static const struct {
	uint32_t type;
	int (*serve)(struct keeper *k, struct msg *m, struct err *e);
} requests[] = {
	{ SECRETS_READ, serve_read },
	{ SECRETS_LEAVE, serve_leave },
};

/* -1: the worker is out of step, and gets nothing more. */
static int serve(struct keeper *k, struct err *e)
{
	automsg m;
	k->ready = false;
	int r = msg_recv(k->worker.fd, &m, e);
	if (r <= 0) {
		k->gone = k->gone || r == 0;
		return r;
	}
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].type == m.type)
			return requests[i].serve(k, &m, e);
	return err_set(e, EPROTO, "an unknown request");
}

/* --- renewal --- */

static void renewal_fired(struct timer *t)
{
	struct keeper *k = (struct keeper *)(void *)((char *)t - offsetof(struct keeper, renewal));
	k->due = true;
}

static void set_renewal(struct keeper *k)
{
	uint64_t due = keeper_store_due(&k->store), now = clock_ms();
	if (due == UINT64_MAX)
		loop_timer_clear(k->loop, &k->renewal);
	else
		loop_timer(k->loop, &k->renewal, due > now ? due - now : 0);
}

static void renew(struct keeper *k)
{
	k->due = false;
	for (size_t i = 0; i < k->store.nidentities; i++) {
		struct err e = { 0 };
		struct vault *v = k->store.identities[i];
		if (vault_due(v) <= clock_ms() && vault_renew(v, RENEW_MS, &e) < 0 && !k->gone)
			log_warn("a secret's lease ends before the job may", "job", k->audit.job,
				 "err", e.msg, NULL);
	}
}

/* --- the end --- */

static void say_done(struct keeper *k, const struct vault_revoked *r)
{
	automsg m;
	msg_init(&m, SECRETS_DONE);
	msg_put_u32(&m, r->revoked);
	msg_put_u32(&m, r->failed);
	msg_put_str(&m, r->text);
	if (k->worker.fd >= 0)
		keeper_send(k, &m);
}

/* What may pass is tried again, later each time, as long as KEEPER_REVOKE_MS last. */
static void revoke_patiently(struct vault *const *all, size_t n, struct vault_revoked *ret)
{
	uint64_t until = clock_ms() + KEEPER_REVOKE_MS, pause = AGAIN_MS;
	unsigned revoked = 0;
	for (;;) {
		uint64_t now = clock_ms();
		vault_revoke(all, n, now < until ? (unsigned)(until - now) : 0, ret);
		revoked += ret->revoked;
		if (!ret->passing || clock_ms() + pause >= until)
			break;
		poll(NULL, 0, (int)pause);
		pause *= 2;
	}
	ret->revoked = revoked;
}

/* Whatever the worker's end was, nothing that it was given is left open. A worker waits for the first
 * try alone: where that fails a supervisor that has the records starts a keeper, which is patient. */
static unsigned revoke_all(struct keeper *k, struct vault *const *all, size_t n, bool patient)
{
	struct vault_revoked r;
	char num[STR_NUM];
	k->net.stop = NULL;
	loop_timer_clear(k->loop, &k->renewal);
	if (patient)
		revoke_patiently(all, n, &r);
	else
		vault_revoke(all, n, KEEPER_REVOKE_MS, &r);
	if (r.revoked || r.failed)
		keeper_audit_revoke(&k->audit, &r);
	if (r.failed)
		log_error("leases are left to their time", "job", k->audit.job, "count",
			  str_num(num, r.failed), "err", r.text, NULL);
	keeper_record_forget(k);
	say_done(k, &r);
	return r.failed;
}

static int step(struct keeper *k, struct err *e)
{
	set_renewal(k);
	watch(k, true);
	while (!k->ready && !k->gone && !k->due)
		if (loop_once(k->loop, e) < 0)
			return -1;
	if (k->ready && !k->gone && serve(k, e) < 0)
		return -1;
	if (k->due && !k->gone)
		renew(k);
	return 0;
}

int keeper_run(struct keeper *k, struct err *e)
{
	k->renewal.fire = renewal_fired;
	k->worker.ready = worker_ready;
	k->net.stop = &k->gone;
	int r = loop_watch(k->loop, &k->worker, EPOLLIN | EPOLLRDHUP, e);
	if (r == 0)
		r = keeper_record_listen(k, e);
	while (r == 0 && !k->gone && !k->left)
		r = step(k, e);
	revoke_all(k, k->store.identities, k->store.nidentities, !keeper_record_kept(k));
	return r;
}

int keeper_revoke(struct keeper *k, const char *text, struct err *e)
{
	struct vault *all[RECORDS_MAX] = { NULL };
	size_t n = 0;
	unsigned bad = 0;
	for (const char *at = text; *at && n < RECORDS_MAX;) {
		__attribute__((cleanup(buf_wipe))) struct buf line = BUF(MSG_MAX);
		size_t len = strcspn(at, "\n");
		struct vault *v = NULL;
		if (len && buf_add(&line, at, len, e) == 0)
			v = vault_recall(&k->net, buf_cstr(&line), e);
		if (v)
			all[n++] = v;
		bad += len && !v;
		at += len + (at[len] == '\n');
	}
	unsigned failed = revoke_all(k, all, n, true);
	for (size_t i = 0; i < n; i++)
		vault_free(all[i]);
	if (bad || failed)
		return err_set(e, EIO, "%u grants and %u records are left", failed, bad);
	return 0;
}

/* --- open and close --- */

int keeper_open(struct keeper *k, struct err *e)
{
	*k = (struct keeper){ .worker = { .fd = -1 },
			      .listen = { .fd = -1 },
			      .supervisor = -1,
			      .audit = { .fd = -1 } };
	if (http_init(e) < 0)
		return -1;
	k->loop = loop_new(e);
	return k->loop ? 0 : -1;
}

int keeper_set_up(struct keeper *k, const struct keeper_settings *s, struct err *e)
{
	struct http_settings http = {
		.ca_file = s->ca_file,
		.cert_file = s->cert_file,
		.key_file = s->key_file,
		.proxy = s->proxy,
		.no_proxy = s->no_proxy,
		.user_agent = "courser/" VERSION,
		.connect_ms = CONNECT_MS,
	};
	k->http = http_new(k->loop, &http, e);
	k->net = (struct vault_net){ .loop = k->loop, .http = k->http, .allowed = s->allowed };
	k->audit.job = s->job;
	k->read_ms = s->read_ms ? s->read_ms : KEEPER_READ_MS;
	keeper_store_init(&k->store, &k->net, s->life_max_s);
	return k->http ? 0 : -1;
}

void keeper_close(struct keeper *k)
{
	keeper_store_done(&k->store);
	http_free(k->http);
	loop_free(k->loop);
}
