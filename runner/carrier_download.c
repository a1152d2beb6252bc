/* Another job's artifacts from the coordinator or its object store; what broke off goes on behind what
 * is there. */
#include "runner/carrier.h"

#include "base/clock.h"
#include "protocol/gitlab_artifacts.h"
#include "protocol/gitlab_reply.h"
#include "protocol/forge_retry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 3, REDIRECTS_MAX = 5, URL_BYTES = 16 << 10, ETAG_BYTES = 256 };

struct download {
	struct http_request r; /* first: what http calls back with */
	struct carrier *c;
	const struct carrier_download *d;
	struct carrier_plan plan;
	struct forge_retry retry;
	struct carried *ret;
	struct buf location; /* where we were pointed to; empty: the coordinator */
	uint64_t got, before;
	char etag[ETAG_BYTES];
	bool direct, begun;
	unsigned redirects;
	/* of the last answer */
	enum gitlab_transfer is;
	uint64_t again_ms;
	bool repeat;
	struct err why, broken;
};

/* The first bytes of an answer: the rest of what is there, or all of it anew. */
static int begin(struct download *x, const struct http_reply *so_far)
{
	uint64_t from;
	x->begun = true;
	if (so_far->status == 206) {
		if (gitlab_range_begin(so_far, &from) && from == x->got)
			return 0;
		return err_set(&x->broken, EPROTO,
			       "the server sent another part than was asked for");
	}
	x->got = 0;
	http_header(so_far, "ETag", x->etag, sizeof x->etag);
	return ftruncate(x->d->file, 0) == 0 ? 0 : err_sys(&x->broken, "artifacts");
}

static int store(struct download *x, const char *p, size_t n)
{
	if (n > x->d->max_bytes - x->got)
		return err_set(&x->broken, EFBIG, "the artifacts are larger than %llu MiB",
			       (unsigned long long)(x->d->max_bytes >> 20));
	while (n) {
		ssize_t w = pwrite(x->d->file, p, n, (off_t)x->got);
		if (w <= 0)
			return err_sys(&x->broken, "artifacts");
		x->got += (uint64_t)w;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static bool sink(struct http_request *r, const char *p, size_t n)
{
	struct download *x = (struct download *)(void *)r;
	struct http_reply so_far = http_so_far(r);
	if (!x->begun && begin(x, &so_far) < 0)
		return false;
	return store(x, p, n) == 0;
}

static void take_redirect(struct download *x, const struct http_reply *reply)
{
	struct buf to = BUF(URL_BYTES);
	const char *base = x->location.len ? buf_cstr(&x->location) : x->d->from.url;
	if (++x->redirects > REDIRECTS_MAX)
		err_set(&x->broken, EPROTO, "more than %d redirects", REDIRECTS_MAX);
	else if (gitlab_redirect(base, reply, &to, &x->broken) == 0) {
		buf_wipe(&x->location);
		x->location = to;
		return;
	}
	buf_wipe(&to);
}

static void done(struct http_request *r, const struct http_reply *reply)
{
	struct download *x = (struct download *)(void *)r;
	char text[FORGE_TEXT_MAX];
	gitlab_reply_text(reply, text);
	err_set(&x->why, EIO, "%s", text);
	x->is = gitlab_download_read(reply);
	x->repeat = forge_retry_again(&x->retry, reply, clock_wall_us() / 1000000, &x->again_ms);
	if (x->is == GITLAB_TRANSFER_REDIRECT)
		take_redirect(x, reply);
	if (x->is == GITLAB_TRANSFER_DONE && !x->begun) /* nothing came: an empty file */
		(void)!begin(x, reply);
}

static int send_once(struct download *x, struct forge_request *q, struct err *e)
{
	const char *headers[FORGE_HEADERS];
	unsigned left = carrier_left_ms(&x->plan);
	for (unsigned i = 0; i < q->nheaders; i++)
		headers[i] = q->header[i];
	x->begun = false;
	x->before = x->got;
	x->r = (struct http_request){
		.method = q->method,
		.url = buf_cstr(&q->url),
		.headers = headers,
		.nheaders = q->nheaders,
		.max_body = q->max_answer,
		.timeout_ms = left < q->timeout_ms ? left : q->timeout_ms,
		.stall_ms = q->stall_ms,
		.sink = sink,
		.done = done,
	};
	return http_run(x->c->http, &x->r, e);
}

static int attempt(struct download *x, struct err *e)
{
	struct gitlab_artifact a = {
		.url = x->d->from.url,
		.token = x->d->from.token,
		.job = x->d->from.job,
		.from = x->got,
		.etag = x->etag,
	};
	struct forge_request q;
	int r = x->location.len ? gitlab_artifact_follow(&a, buf_cstr(&x->location), &q, e)
				: gitlab_artifact_download(&a, x->direct, &q, e);
	if (r == 0)
		r = send_once(x, &q, e);
	forge_request_done(&q);
	return r;
}

/* What cannot become better by trying again. The object store's refusals are of its signed address. */
static bool is_final(struct download *x, struct err *e)
{
	bool ours = x->location.len == 0;
	if (x->broken.code) {
		*e = x->broken;
		x->ret->fault = e->code == EPERM || e->code == EPROTO ? SOURCES_PROTOCOL
				: e->code == EFBIG                    ? SOURCES_CONFIG
								      : SOURCES_DISK;
		return true;
	}
	if (ours && x->is == GITLAB_TRANSFER_DENIED) {
		x->ret->fault = SOURCES_AUTH;
		return err_set(e, EACCES, "permission denied: %s", x->why.msg) < 0;
	}
	if (ours && x->is == GITLAB_TRANSFER_MISSING) {
		x->ret->fault = SOURCES_NOT_FOUND;
		return err_set(e, ENOENT, "not found (expired or deleted): %s", x->why.msg) < 0;
	}
	return false;
}

/* After a failure: from the coordinator again. What had moved is no failure in a row. */
static int try_again(struct download *x, struct err *e)
{
	bool moved = x->got > x->before;
	buf_wipe(&x->location);
	x->redirects = 0;
	x->retry = (struct forge_retry){ 0 };
	x->direct = x->direct && moved;
	if (moved)
		x->plan.failures = 0;
	if (carrier_again(x->c, &x->plan, ATTEMPTS, &x->why) < 0)
		return err_set(e, EIO, "%s", x->why.msg);
	return 0;
}

static int run(struct download *x, struct err *e)
{
	x->ret->fault = SOURCES_NETWORK;
	for (;;) {
		if (attempt(x, e) < 0) {
			x->ret->fault = SOURCES_INTERNAL;
			return -1;
		}
		if (is_final(x, e))
			return -1;
		if (x->is == GITLAB_TRANSFER_DONE)
			return 0;
		if (x->is == GITLAB_TRANSFER_REDIRECT)
			continue;
		bool soon = x->repeat && clock_ms() + x->again_ms < x->plan.end_ms;
		int r = soon ? carrier_pause(x->c, x->again_ms, e) : try_again(x, e);
		if (r < 0)
			return -1;
	}
}

int carrier_download(struct carrier *c, const struct carrier_download *d, struct carried *ret,
		     struct err *e)
{
	struct download x = {
		.c = c, .d = d, .ret = ret, .direct = d->direct, .location = BUF(URL_BYTES)
	};
	carrier_begin(&x.plan, d->from.timeout_s);
	int r = run(&x, e);
	ret->bytes = x.got;
	snprintf(ret->text, sizeof ret->text, "%s", "200 OK");
	buf_wipe(&x.location);
	return r;
}
