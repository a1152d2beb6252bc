#include "protocol/vault_net.h"

#include "base/clock.h"
#include "base/str.h"
#include "protocol/vault_path.h"
#include "protocol/vault_reply.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRIES = 5,
	CALL_MS = 30 * 1000,
	BACK_OFF_MS = 500,
	BACK_OFF_MAX_MS = 8000,
	RETRY_AFTER_MAX_S = 30,
	OWN_HEADERS = 5,
	LINE_MAX = 16 << 10,
	URL_MAX = 8 << 10,
};

/* A run of several calls. */
struct run {
	struct vault_net *net;
	uint64_t until_ms;
	size_t left; /* calls without an answer */
};

/* A call under way: the first member is what the loop hands back. */
struct vault_try {
	struct http_request request;
	struct timer again;
	struct vault_call *call;
	struct run *run;
	struct buf url, lines[OWN_HEADERS];
	const char *headers[OWN_HEADERS + VAULT_HEADERS];
	unsigned count;
	bool redirected, ended;
};

/* Statuses that pass, and how often they are tried; seen: the request may have been carried out. */
struct passing {
	int status;
	unsigned tries;
	bool seen;
};

static const struct passing passing[] = {
	{ 412, TRIES, false }, /* a replica that has not heard of our token */
	{ 429, TRIES, false }, /* rate limit */
	{ 500, 2, true },      /* the upstream of an engine */
	{ 502, TRIES, true },  /* a proxy on the way */
	{ 503, TRIES, false }, /* sealed, standby without a leader */
	{ 504, TRIES, true },
};

static bool may_repeat(const struct vault_try *t, const struct http_reply *reply)
{
	bool once = t->call->once;
	if (reply->status == 0)
		return !reply->untrusted && (reply->unsent || !once) && t->count < TRIES;
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (passing[i].status == reply->status)
			return t->count < passing[i].tries && !(once && passing[i].seen);
	return false;
}

/* Milliseconds until the next try: the server's Retry-After, else full jitter over a growing range. */
static uint64_t delay_of(const struct vault_try *t, const struct http_reply *reply)
{
	char text[16];
	uint64_t after;
	if (reply->status && http_header(reply, "Retry-After", text, sizeof text) &&
	    str_u64(text, RETRY_AFTER_MAX_S, &after))
		return after * 1000 + clock_jitter(250);
	uint64_t range = (uint64_t)BACK_OFF_MS << t->count;
	return clock_jitter(range < BACK_OFF_MAX_MS ? range : BACK_OFF_MAX_MS);
}

static void end(struct vault_try *t)
{
	if (!t->ended)
		t->run->left--;
	t->ended = true;
}

static void start(struct vault_try *t)
{
	struct vault_call *c = t->call;
	uint64_t now = clock_ms();
	uint64_t left = t->run->until_ms > now ? t->run->until_ms - now : 0;
	t->request.timeout_ms = (unsigned)(left < CALL_MS ? left : CALL_MS);
	t->request.url = buf_cstr(&t->url);
	t->count++;
	if (left == 0) {
		if (!c->error.code)
			err_set(&c->error, ETIMEDOUT, "no time left");
		end(t);
		return;
	}
	err_clear(&c->error);
	if (http_send(t->run->net->http, &t->request, &c->error) < 0)
		end(t);
}

static void fire_again(struct timer *timer)
{
	start((struct vault_try *)((char *)timer - offsetof(struct vault_try, again)));
}

/* 1: the call goes on at another address. */
static int follow(struct vault_try *t, const struct http_reply *reply)
{
	char location[URL_MAX];
	struct vault_call *c = t->call;
	bool moved = reply->status == 301 || reply->status == 302 || reply->status == 307 ||
		     reply->status == 308;
	if (!moved || t->redirected || !http_header(reply, "Location", location, sizeof location))
		return 0;
	t->redirected = true;
	if (vault_redirect_allowed(c->address, location, t->run->net->allowed, &c->error) < 0) {
		end(t);
		return 1;
	}
	buf_clear(&t->url);
	if (buf_str(&t->url, location, &c->error) < 0)
		end(t);
	else
		loop_timer(t->run->net->loop, &t->again, 0);
	return 1;
}

/* What was answered, or why nothing was. It stays should the time run out before the next try. */
static void keep(struct vault_call *c, const struct http_reply *reply)
{
	buf_wipe(&c->reply);
	c->reply.max = VAULT_REPLY_MAX;
	c->status = 0;
	if (reply->status == 0)
		err_set(&c->error, EIO, "%s", reply->error);
	else if (reply->cut)
		err_set(&c->error, EMSGSIZE, "the answer is longer than %d bytes", VAULT_REPLY_MAX);
	else if (buf_add(&c->reply, reply->body, reply->body_len, &c->error) == 0)
		c->status = reply->status;
}

static void on_done(struct http_request *r, const struct http_reply *reply)
{
	struct vault_try *t = (struct vault_try *)r;
	if (follow(t, reply))
		return;
	keep(t->call, reply);
	uint64_t wait = may_repeat(t, reply) ? delay_of(t, reply) : UINT32_MAX;
	if (clock_ms() + wait < t->run->until_ms)
		loop_timer(t->run->net->loop, &t->again, wait);
	else
		end(t);
}

/* "Name: value" as a header of our own; nothing when value is "" or NULL. */
static int put_header(struct vault_try *t, const char *name, const char *value, struct err *e)
{
	if (!value || !*value)
		return 0;
	struct buf *line = &t->lines[t->request.nheaders];
	*line = (struct buf)BUF(LINE_MAX);
	if (buf_reserve(line, strlen(name) + strlen(value) + 2, e) < 0 ||
	    buf_printf(line, e, "%s: %s", name, value) < 0)
		return err_wrap(e, "header %s", name);
	t->headers[t->request.nheaders++] = buf_cstr(line);
	return 0;
}

static int put_headers(struct vault_try *t, struct err *e)
{
	const struct vault_call *c = t->call;
	const char *const own[][2] = {
		{ "X-Vault-Request", "true" },
		{ "X-Vault-Namespace", c->space },
		{ "X-Vault-Token", c->token },
		{ "Content-Type", c->body ? "application/json" : "" },
	};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (put_header(t, own[i][0], own[i][1], e) < 0)
			return -1;
	for (size_t i = 0; i < c->nheaders && i < VAULT_HEADERS; i++)
		t->headers[t->request.nheaders++] = c->headers[i];
	return 0;
}

static int put_url(struct vault_try *t, struct err *e)
{
	const struct vault_call *c = t->call;
	size_t n = strlen(c->address);
	while (n && c->address[n - 1] == '/')
		n--;
	t->url = (struct buf)BUF(URL_MAX);
	if (vault_allowed(c->address, t->run->net->allowed, e) < 0)
		return -1;
	return buf_printf(&t->url, e, "%.*s/v1%s", (int)n, c->address, c->path);
}

static int prepare(struct vault_try *t, struct err *e)
{
	struct vault_call *c = t->call;
	t->again.fire = fire_again;
	t->request = (struct http_request){
		.method = c->method,
		.body = c->body ? buf_cstr(c->body) : NULL,
		.body_len = c->body ? c->body->len : 0,
		.body_fd = -1,
		.max_body = VAULT_REPLY_MAX,
		.once = c->once,
		.done = on_done,
		.headers = t->headers,
	};
	return put_headers(t, e) < 0 ? -1 : put_url(t, e);
}

static void try_free(struct vault_try *t)
{
	if (!t)
		return;
	http_cancel(&t->request);
	loop_timer_clear(t->run->net->loop, &t->again);
	buf_done(&t->url);
	for (unsigned i = 0; i < OWN_HEADERS; i++)
		buf_wipe(&t->lines[i]);
	t->call->now = NULL;
	free(t);
}

static void begin(struct run *run, struct vault_call *c)
{
	c->status = 0;
	struct vault_try *t = calloc(1, sizeof *t);
	if (!t) {
		err_set(&c->error, ENOMEM, "out of memory");
		run->left--;
		return;
	}
	*t = (struct vault_try){ .call = c, .run = run };
	c->now = t;
	if (prepare(t, &c->error) < 0)
		end(t);
	else
		start(t);
}

/* Give back what has ended; returns how many are under way. */
static size_t sweep(struct vault_call *calls, size_t count)
{
	size_t busy = 0;
	for (size_t i = 0; i < count; i++) {
		if (calls[i].now && calls[i].now->ended)
			try_free(calls[i].now);
		busy += calls[i].now != NULL;
	}
	return busy;
}

static void on_deadline(struct timer *t)
{
	(void)t; /* it is there to wake the loop */
}

static int pump(struct run *run, struct vault_call *calls, size_t count, struct err *e)
{
	struct vault_net *n = run->net;
	for (size_t next = 0; run->left;) {
		if (n->stop && *n->stop)
			return err_set(e, ECANCELED, "told to stop");
		size_t busy = sweep(calls, count);
		while (next < count && busy < VAULT_PARALLEL) {
			begin(run, &calls[next++]);
			busy++;
		}
		if (clock_ms() >= run->until_ms)
			return 0;
		if (run->left && sweep(calls, count) > 0 && loop_once(n->loop, e) < 0)
			return -1;
	}
	return 0;
}

int vault_net_run(struct vault_net *n, struct vault_call *calls, size_t count, unsigned budget_ms,
		  struct err *e)
{
	struct run run = { .net = n, .until_ms = clock_ms() + budget_ms, .left = count };
	struct timer deadline = { .fire = on_deadline };
	for (size_t i = 0; i < count; i++)
		err_set(&calls[i].error, ETIMEDOUT, "no time left");
	loop_timer(n->loop, &deadline, budget_ms);
	int r = pump(&run, calls, count, e);
	loop_timer_clear(n->loop, &deadline);
	for (size_t i = 0; i < count; i++)
		try_free(calls[i].now);
	return r;
}

void vault_call_done(struct vault_call *c)
{
	buf_wipe(&c->reply);
}
