/* An archive to the coordinator, while it is still being written; again from the spool if need be. */
#include "runner/carrier.h"

#include "base/clock.h"
#include "base/fd.h"
#include "executor/spool.h"
#include "protocol/gitlab_artifacts.h"
#include "protocol/gitlab_reply.h"
#include "protocol/forge_retry.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum { ATTEMPTS = 3, ATTEMPTS_UNAVAILABLE = 6, REDIRECTS_MAX = 5, URL_BYTES = 16 << 10 };

struct upload {
	struct http_request r; /* first: what http calls back with */
	struct carrier *c;
	const struct carrier_upload *u;
	struct spool_reader spool;
	struct source notices;
	struct carrier_plan plan;
	struct forge_retry retry;
	struct gitlab_multipart body;
	struct buf base; /* the coordinator's address, or where it moved us to */
	struct carried *ret;
	unsigned redirects;
	/* of the last answer */
	enum gitlab_transfer is;
	uint64_t again_ms; /* the same request again, after this */
	bool repeat;
	struct err why;
};

/* --- the body ----------------------------------------------------------------------------------- */

static ssize_t part_of(const struct buf *b, uint64_t at, char *p, size_t n)
{
	size_t left = b->len - (size_t)at;
	n = left < n ? left : n;
	memcpy(p, b->p + at, n);
	return (ssize_t)n;
}

/* Head, spool, tail. */
static ssize_t more(struct http_request *r, uint64_t at, char *p, size_t n)
{
	struct upload *x = (struct upload *)(void *)r;
	const struct buf *head = &x->body.head, *tail = &x->body.tail;
	struct err e = { 0 };
	if (at < head->len)
		return part_of(head, at, p, n);
	at -= head->len;
	ssize_t got = spool_read(&x->spool, at, p, n, &e);
	if (got)
		return got > 0 ? got : HTTP_BROKEN;
	if (!x->spool.whole)
		return x->spool.lost ? HTTP_BROKEN : HTTP_LATER;
	at -= x->spool.size;
	return at < tail->len ? part_of(tail, at, p, n) : 0;
}

static void notices_ready(struct source *s, uint32_t events)
{
	struct upload *x = (struct upload *)(void *)((char *)s - offsetof(struct upload, notices));
	(void)events;
	spool_look(&x->spool);
	if (x->spool.whole || x->spool.lost)
		loop_unwatch(x->c->loop, &x->notices);
	http_resume(&x->r);
}

/* --- the answer --------------------------------------------------------------------------------- */

static void take_redirect(struct upload *x, const struct http_reply *reply)
{
	autobuf to = BUF(URL_BYTES);
	struct buf base = BUF(URL_BYTES);
	if (++x->redirects > REDIRECTS_MAX) {
		err_set(&x->why, EPROTO, "more than %d redirects", REDIRECTS_MAX);
		x->is = GITLAB_TRANSFER_DENIED;
	} else if (gitlab_redirect(buf_cstr(&x->base), reply, &to, &x->why) < 0 ||
		   gitlab_moved_base(buf_cstr(&to), &base, &x->why) < 0) {
		x->is = GITLAB_TRANSFER_DENIED;
	} else {
		buf_done(&x->base);
		x->base = base;
		return;
	}
	buf_done(&base);
}

static void done(struct http_request *r, const struct http_reply *reply)
{
	struct upload *x = (struct upload *)(void *)r;
	char text[FORGE_TEXT_MAX];
	gitlab_reply_text(reply, text);
	err_set(&x->why, EIO, "%s", text);
	x->is = gitlab_upload_read(reply);
	x->repeat = forge_retry_again(&x->retry, reply, clock_wall_us() / 1000000, &x->again_ms);
	if (x->is == GITLAB_TRANSFER_REDIRECT)
		take_redirect(x, reply);
}

/* --- attempts ----------------------------------------------------------------------------------- */

static int send_once(struct upload *x, struct forge_request *q, struct err *e)
{
	const char *headers[FORGE_HEADERS];
	for (unsigned i = 0; i < q->nheaders; i++)
		headers[i] = q->header[i];
	unsigned left = carrier_left_ms(&x->plan);
	spool_look(&x->spool);
	x->r = (struct http_request){
		.method = q->method,
		.url = buf_cstr(&q->url),
		.headers = headers,
		.nheaders = q->nheaders,
		.body_len = x->spool.whole
				    ? x->body.head.len + (size_t)x->spool.size + x->body.tail.len
				    : HTTP_UNKNOWN,
		.more = more,
		.max_body = q->max_answer,
		.timeout_ms = left < q->timeout_ms ? left : q->timeout_ms,
		.stall_ms = q->stall_ms,
		.done = done,
	};
	return http_run(x->c->http, &x->r, e);
}

static int attempt(struct upload *x, struct err *e)
{
	const struct carrier_upload *u = x->u;
	struct gitlab_artifact a = {
		.url = buf_cstr(&x->base),
		.token = u->to.token,
		.job = u->to.job,
		.type = u->type,
		.format = u->format,
		.expire_in = u->expire_in,
		.filename = u->filename,
	};
	struct forge_request q;
	int r = gitlab_artifact_upload(&a, &q, &x->body, e);
	if (r == 0)
		r = send_once(x, &q, e);
	forge_request_done(&q);
	gitlab_multipart_done(&x->body);
	return r;
}

struct end {
	enum gitlab_transfer is;
	enum sources_fault fault;
	const char *words;
};

static const struct end ends[] = {
	{ GITLAB_TRANSFER_DENIED, SOURCES_AUTH, "permission denied" },
	{ GITLAB_TRANSFER_TOO_LARGE, SOURCES_CONFIG, "too large for the coordinator" },
};

/* What cannot become better by trying again. */
static bool is_final(struct upload *x, struct err *e)
{
	if (x->spool.lost) {
		err_set(e, EPIPE, "the archive was given up");
		x->ret->fault = SOURCES_CANCELLED;
		return true;
	}
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (ends[i].is == x->is) {
			err_set(e, EACCES, "%s: %s", ends[i].words, x->why.msg);
			x->ret->fault = ends[i].fault;
			return true;
		}
	return false;
}

/* What comes after an attempt that did not end it: the next one, after a while or at once. */
static int between(struct upload *x, struct err *e)
{
	unsigned most = x->is == GITLAB_TRANSFER_UNAVAILABLE ? ATTEMPTS_UNAVAILABLE : ATTEMPTS;
	if (x->is == GITLAB_TRANSFER_REDIRECT)
		return 0;
	if (x->repeat && clock_ms() + x->again_ms < x->plan.end_ms)
		return carrier_pause(x->c, x->again_ms, e);
	x->retry = (struct forge_retry){ 0 };
	if (carrier_again(x->c, &x->plan, most, &x->why) < 0)
		return err_set(e, EIO, "%s", x->why.msg);
	return 0;
}

static int run(struct upload *x, struct err *e)
{
	x->ret->fault = SOURCES_NETWORK;
	do {
		if (attempt(x, e) < 0) {
			x->ret->fault = SOURCES_INTERNAL;
			return -1;
		}
		if (x->is == GITLAB_TRANSFER_DONE) {
			snprintf(x->ret->text, sizeof x->ret->text, "201 Created");
			return 0;
		}
	} while (!is_final(x, e) && between(x, e) == 0);
	return -1;
}

int carrier_upload(struct carrier *c, const struct carrier_upload *u, struct carried *ret,
		   struct err *e)
{
	struct upload x = {
		.c = c,
		.u = u,
		.spool = { .fd = u->spool, .pipe = u->pipe },
		.notices = { .fd = u->pipe, .ready = notices_ready },
		.base = BUF(URL_BYTES),
		.ret = ret,
	};
	carrier_begin(&x.plan, u->to.timeout_s);
	ret->fault = SOURCES_INTERNAL;
	if (fd_nonblock(u->pipe, 1, e) < 0 || buf_str(&x.base, u->to.url, e) < 0 ||
	    loop_watch(c->loop, &x.notices, EPOLLIN, e) < 0)
		return -1;
	int r = run(&x, e);
	ret->bytes = x.spool.size;
	loop_unwatch(c->loop, &x.notices);
	buf_wipe(&x.base);
	return r;
}
