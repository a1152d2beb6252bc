#include "runner/courier_call.h"

#include "base/clock.h"

#include <stddef.h>

enum { SETTLE_MS = 500 };

/* What jobs need is much; who only waits for one is not woken for the sake of it. */
static bool is_of_a_job(enum hub_call kind)
{
	return kind == HUB_ACCEPT || kind == HUB_TRACE || kind == HUB_FINAL;
}

static void finish(struct courier_call *c, const struct http_reply *r)
{
	if (is_of_a_job(c->kind) && !c->hub->settle.set)
		loop_timer(c->hub->loop, &c->hub->settle, SETTLE_MS);
	c->active = false;
	hub_count(c->hub, c->kind, r->status);
	forge_request_done(&c->request);
	c->done(c, r);
}

static void on_reply(struct http_request *w, const struct http_reply *r)
{
	struct courier_call *c = (struct courier_call *)((char *)w -
							 offsetof(struct courier_call, wire));
	uint64_t ms;
	if (c->patient && forge_retry_again(&c->retry, r, clock_wall_us() / 1000000, &ms))
		loop_timer(c->hub->loop, &c->again, ms);
	else
		finish(c, r);
}

/* Now, or again. What cannot even be started is an answer too. */
static void send_now(struct timer *t)
{
	struct courier_call *c = (struct courier_call *)((char *)t -
							 offsetof(struct courier_call, again));
	if (!c->broken && http_send(c->http, &c->wire, &c->built) == 0)
		return;
	struct buf none = BUF(0);
	struct err why = c->built; /* c may be freed by done */
	struct http_reply r = { .error = why.msg, .body = "", .headers = &none };
	finish(c, &r);
}

void call_start(struct courier_call *c, struct courier_hub *hub, struct http *http)
{
	struct forge_request *q = &c->request;
	for (unsigned i = 0; i < q->nheaders; i++)
		c->headers[i] = q->header[i];
	c->hub = hub;
	c->http = http;
	c->active = true;
	c->retry = (struct forge_retry){ 0 };
	c->again.fire = send_now;
	c->wire = (struct http_request){
		.method = q->method,
		.url = buf_cstr(&q->url),
		.headers = c->headers,
		.nheaders = q->nheaders,
		.body = q->len ? NULL : buf_cstr(&q->body),
		.body_len = q->len ? q->len : q->body.len,
		.body_fd = c->body_fd,
		.body_off = q->off,
		.max_body = q->max_answer,
		.timeout_ms = q->timeout_ms,
		.stall_ms = q->stall_ms,
		.done = on_reply,
	};
	loop_timer(hub->loop, &c->again, 0);
}

void call_cancel(struct courier_call *c)
{
	if (!c->active)
		return;
	c->active = false;
	loop_timer_clear(c->hub->loop, &c->again);
	http_cancel(&c->wire);
	forge_request_done(&c->request);
}
