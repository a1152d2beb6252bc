/*
 * What a coordinator answers, whatever it is. The input is a series of answers, each
 *   u8 status (see below), u8 growth of the log, header lines up to an empty line
 * and what is left is read as a body. Promised: the log is sent from bytes that there are, nothing is
 * waited for in the past, a wait has an end, texts are printable, what failed says why.
 */
#include "protocol/gitlab_pace.h"
#include "protocol/gitlab_reply.h"
#include "protocol/forge_retry.h"
#include "protocol/gitlab_trace.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int statuses[] = { 0,   200, 201, 202, 204, 302, 400, 403,
				404, 409, 412, 416, 429, 500, 503, 600 };

struct input {
	const char *p, *end;
};

static unsigned take(struct input *in)
{
	return in->p < in->end ? (unsigned char)*in->p++ : 0;
}

/* Header lines up to an empty one. */
static struct buf take_headers(struct input *in)
{
	struct buf b = BUF(64 << 10);
	struct err e = { 0 };
	const char *stop = memmem(in->p, (size_t)(in->end - in->p), "\n\n", 2);
	const char *end = stop ? stop + 1 : in->end;
	if (buf_add(&b, in->p, (size_t)(end - in->p), &e) < 0)
		buf_clear(&b);
	in->p = stop ? stop + 2 : in->end;
	return b;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_common(const struct http_reply *r)
{
	char text[FORGE_TEXT_MAX];
	uint64_t ms = 0;
	struct forge_retry retry = { 0 };
	gitlab_reply_text(r, text);
	must(*text && str_is_printable(text, strlen(text)));
	if (forge_retry_again(&retry, r, 1700000000, &ms))
		must(ms >= 50 && ms <= FORGE_RETRY_CAP_MS + FORGE_RETRY_CAP_MS / 10 + 1);
	enum gitlab_accept accept = gitlab_accept_read(r);
	must(r->status != 403 || accept == GITLAB_ACCEPT_DROP);
}

static void check_body(const char *body, size_t n)
{
	struct err e = { 0 };
	struct forge_offer o;
	struct forge_identity id;
	struct buf none = BUF(0);
	struct http_reply r = {
		.status = 201, .error = "", .body = body, .body_len = n, .headers = &none
	};
	if (gitlab_offer_read(body, n, &o, &e) == 0) {
		must(o.id && *o.token && str_is_printable(o.token, strlen(o.token)));
		must(str_is_printable(o.project_path, strlen(o.project_path)));
	} else {
		must(e.msg[0] != '\0');
	}
	must(gitlab_identity_read(&r, 201, &id, &e) == 0);
	must(str_is_printable(id.token, strlen(id.token)));
	r.status = 422;
	check_common(&r);
}

static void step(struct gitlab_trace *t, uint64_t *now, struct input *in, struct gitlab_pace *p)
{
	struct gitlab_next asked = gitlab_trace_next(t, *now);
	int status = statuses[take(in) % (sizeof statuses / sizeof *statuses)];
	t->size += take(in) * 1000;
	struct buf headers = take_headers(in);
	struct http_reply r = {
		.status = status, .error = status ? "" : "h: gone", .body = "", .headers = &headers
	};
	check_common(&r);
	for (int i = 0; asked.todo == GITLAB_WAIT && i < 4; i++) {
		must(asked.at_ms == 0 || asked.at_ms > *now);
		must(asked.at_ms < *now + 3600u * 1000 + 1);
		if (asked.at_ms)
			*now = asked.at_ms;
		else
			t->ended = true;
		asked = gitlab_trace_next(t, *now);
	}
	if (asked.todo == GITLAB_SEND)
		must(asked.len > 0 && asked.len <= GITLAB_CHUNK &&
		     asked.off + asked.len <= t->size);
	if (asked.todo != GITLAB_WAIT && asked.todo != GITLAB_OVER)
		gitlab_trace_heard(t, *now, &asked, &r);
	must(t->sent <= t->size);
	must(!t->over || *t->text);
	gitlab_pace_ended(p, *now,
			  (struct gitlab_poll_end){ gitlab_polled(&r), false, status & 1 });
	must(p->next_ms <= *now + 3600u * 1000);
	buf_done(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { (const char *)data, (const char *)data + n };
	struct gitlab_trace t = { 0 };
	struct gitlab_pace p = { 0 };
	uint64_t now = 1000000;
	check_body(in.p, n);
	gitlab_trace_init(&t, 0, now);
	gitlab_pace_init(&p);
	for (int i = 0; i < 64 && in.p < in.end; i++) {
		t.ended = t.ended || i == 40;
		step(&t, &now, &in, &p);
	}
	return 0;
}
