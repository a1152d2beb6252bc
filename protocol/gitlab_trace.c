#include "protocol/gitlab_trace.h"

#include "base/str.h"
#include "protocol/gitlab_reply.h"
#include "protocol/forge_retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	WATCHED_MS = 3000, /* an interval up to this: somebody is looking */
	LIVE_MS = 1000,    /* then new bytes go out every second */
	INTERVAL_MAX_S = 900,
	RETRY_MS = 1000,
	RETRY_CAP_MS = 30 * 1000,
	FINAL_RETRY_CAP_MS = 3600 * 1000,
	JUMPS_MAX = 3, /* 416 in a row that are followed at once */
	NOT_YET_MS = 3000,
	NOT_YET_MAX_MS = 1800 * 1000,
};

/* How long after the last answer the next piece may go, for the first ones: a job's first lines are
 * what people wait for. */
static const unsigned first_gaps_ms[] = { 0, 0, 0, 20, 50, 100, 250, 500 };

void gitlab_trace_init(struct gitlab_trace *t, unsigned tries_max, uint64_t now_ms)
{
	t->tries_max = tries_max ? tries_max : GITLAB_FINAL_TRIES;
	t->interval_ms = WATCHED_MS;
	t->heard_ms = now_ms;
}

static uint64_t pending(const struct gitlab_trace *t)
{
	return t->gone || t->aborted || t->size < t->sent ? 0 : t->size - t->sent;
}

static unsigned gap_ms(const struct gitlab_trace *t)
{
	if (t->pieces < sizeof first_gaps_ms / sizeof *first_gaps_ms)
		return first_gaps_ms[t->pieces];
	if (t->interval_ms <= WATCHED_MS)
		return LIVE_MS;
	return t->interval_ms < GITLAB_SILENCE_MS ? t->interval_ms : GITLAB_SILENCE_MS;
}

static struct gitlab_next at(const struct gitlab_trace *t, uint64_t now_ms, enum gitlab_todo todo,
			     uint64_t due_ms)
{
	if (due_ms < t->not_before_ms)
		due_ms = t->not_before_ms;
	if (due_ms > now_ms)
		return (struct gitlab_next){ .todo = GITLAB_WAIT, .at_ms = due_ms };
	uint64_t len = todo == GITLAB_SEND ? pending(t) : 0;
	return (struct gitlab_next){
		.todo = todo,
		.off = t->sent,
		.len = len < GITLAB_CHUNK ? len : GITLAB_CHUNK,
	};
}

struct gitlab_next gitlab_trace_next(const struct gitlab_trace *t, uint64_t now_ms)
{
	uint64_t left = pending(t);
	if (t->over)
		return (struct gitlab_next){ .todo = GITLAB_OVER };
	if (t->ended)
		return at(t, now_ms, left ? GITLAB_SEND : GITLAB_FINAL, now_ms);
	if (t->aborted)
		return (struct gitlab_next){ .todo = GITLAB_WAIT };
	if (left >= GITLAB_CHUNK)
		return at(t, now_ms, GITLAB_SEND, now_ms);
	if (left)
		return at(t, now_ms, GITLAB_SEND, t->heard_ms + gap_ms(t));
	return at(t, now_ms, GITLAB_ALIVE,
		  t->heard_ms + (t->interval_ms <= WATCHED_MS ? GITLAB_WATCHED_SILENCE_MS
							      : GITLAB_SILENCE_MS));
}

static void over(struct gitlab_trace *t, bool delivered, const char *text)
{
	t->over = true;
	t->delivered = delivered;
	snprintf(t->text, sizeof t->text, "%s", text);
}

static void take_interval(struct gitlab_trace *t, const struct http_reply *r)
{
	char text[24];
	uint64_t s;
	if (!http_header(r, "X-GitLab-Trace-Update-Interval", text, sizeof text) ||
	    !str_u64(text, UINT64_MAX, &s) || s == 0)
		return;
	t->interval_ms = (unsigned)(s < INTERVAL_MAX_S ? s : INTERVAL_MAX_S) * 1000;
}

/* Another time: sooner while the job runs, ever more rarely and not for ever at its end. */
static void failed(struct gitlab_trace *t, uint64_t now_ms, const struct http_reply *r)
{
	unsigned n = t->failures < 16 ? t->failures : 16;
	t->failures++;
	t->not_before_ms = now_ms + forge_backoff_ms(n, RETRY_MS,
						     t->ended ? FINAL_RETRY_CAP_MS : RETRY_CAP_MS);
	if (!t->ended || ++t->tries < t->tries_max)
		return;
	char text[FORGE_TEXT_MAX];
	gitlab_reply_text(r, text);
	over(t, false, text);
}

static void succeeded(struct gitlab_trace *t, uint64_t now_ms)
{
	t->heard_ms = now_ms;
	t->failures = t->jumps = 0;
	t->not_before_ms = 0;
}

/* 416: the server has another number of bytes, and says which. */
static void jump(struct gitlab_trace *t, uint64_t now_ms, const struct http_reply *r)
{
	char text[48];
	uint64_t to = 0;
	http_header(r, "Range", text, sizeof text);
	const char *dash = strchr(text, '-');
	if (dash && !str_u64(dash + 1, UINT64_MAX, &to))
		to = 0;
	if (to > t->size)
		to = t->size;
	bool moved = to != t->sent;
	t->sent = to;
	if (moved && ++t->jumps <= JUMPS_MAX)
		return;
	failed(t, now_ms, r);
}

static void heard_piece(struct gitlab_trace *t, uint64_t now_ms, const struct gitlab_next *asked,
			const struct http_reply *r)
{
	if (r->status == 202) {
		t->sent = asked->off + asked->len;
		t->pieces++;
		succeeded(t, now_ms);
	} else if (r->status == 404) {
		t->gone = true;
	} else if (r->status == 416) {
		jump(t, now_ms, r);
	} else {
		failed(t, now_ms, r);
	}
}

static enum gitlab_news heard_alive(struct gitlab_trace *t, uint64_t now_ms,
				    const struct http_reply *r)
{
	if (r->status == 404) {
		t->aborted = true;
		return GITLAB_ABORT;
	}
	if (r->status == 200 || r->status == 202)
		succeeded(t, now_ms);
	else
		failed(t, now_ms, r);
	return GITLAB_NO_NEWS;
}

/* 202: the server has the state and is not yet sure of the log. */
static void not_yet(struct gitlab_trace *t, uint64_t now_ms)
{
	if (!t->waiting_ms)
		t->waiting_ms = now_ms;
	t->not_before_ms = now_ms + NOT_YET_MS;
	if (now_ms - t->waiting_ms > NOT_YET_MAX_MS)
		over(t, false, "the server did not complete the job within half an hour");
}

static void heard_final(struct gitlab_trace *t, uint64_t now_ms, const struct http_reply *r)
{
	if (r->status == 200) {
		over(t, true, "delivered");
	} else if (r->status == 404) {
		over(t, true, "the server does not know the job");
	} else if (r->status == 202) {
		not_yet(t, now_ms);
	} else {
		if (r->status == 412) /* its log differs from ours: once more from the start */
			t->sent = 0;
		failed(t, now_ms, r);
	}
}

/* The job is no longer ours. */
static enum gitlab_news abandon(struct gitlab_trace *t, const struct gitlab_next *asked)
{
	bool first = !t->aborted;
	t->aborted = true;
	if (asked->todo == GITLAB_FINAL)
		over(t, true, "the job had ended at the server");
	return first && !t->ended ? GITLAB_ABORT : GITLAB_NO_NEWS;
}

enum gitlab_news gitlab_trace_heard(struct gitlab_trace *t, uint64_t now_ms,
				    const struct gitlab_next *asked, const struct http_reply *r)
{
	enum gitlab_standing standing = gitlab_standing(r);
	enum gitlab_news news = GITLAB_NO_NEWS;
	take_interval(t, r);
	if (standing == GITLAB_ENDED && !(asked->todo == GITLAB_FINAL && r->status == 200))
		return abandon(t, asked);
	if (standing == GITLAB_CANCELING && !t->canceling && !t->ended)
		news = GITLAB_CANCEL;
	t->canceling = t->canceling || standing == GITLAB_CANCELING;
	if (asked->todo == GITLAB_SEND)
		heard_piece(t, now_ms, asked, r);
	else if (asked->todo == GITLAB_ALIVE && heard_alive(t, now_ms, r) == GITLAB_ABORT)
		news = GITLAB_ABORT;
	else if (asked->todo == GITLAB_FINAL)
		heard_final(t, now_ms, r);
	return news;
}
