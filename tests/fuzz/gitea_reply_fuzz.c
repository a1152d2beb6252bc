/*
 * What a Gitea server answers, whatever it is. The input is a series of answers, each
 *   u8 status (see below), u8 growth of the log, a line that is the body
 * and the whole of it is read as each kind of body as well. Promised: rows are counted within the log,
 * nothing is waited for in the past, every task ends, texts are printable, what failed says why.
 */
#include "protocol/gitea_pace.h"
#include "protocol/gitea_rows.h"
#include "protocol/gitea_ship.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int statuses[] = { 0, 200, 200, 200, 400, 401, 404, 409, 429, 500, 500, 503 };
static struct buf none = BUF(0);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct http_reply reply(int status, const char *body, size_t n)
{
	return (struct http_reply){ .status = status,
				    .error = status ? "" : "h: gone",
				    .body = body,
				    .body_len = n,
				    .headers = &none };
}

static void check_body(const char *body, size_t n)
{
	struct http_reply r = reply(200, body, n);
	struct forge_identity id;
	struct forge_offer o;
	struct gitea_fetched f;
	enum gitea_result there;
	uint64_t ack;
	struct err e = { 0 };
	must(gitea_runner_read(&r, false, &id, &e) == 0 || e.msg[0]);
	err_clear(&e);
	if (gitea_fetch_read(&r, &o, &f, &e) == 0)
		must(!f.task || (o.id && o.project_id &&
				 str_is_printable(o.project_path, strlen(o.project_path))));
	else
		must(e.msg[0] != '\0');
	err_clear(&e);
	must(gitea_ack_read(&r, &ack, &e) == 0 || e.msg[0]);
	err_clear(&e);
	must(gitea_state_read(&r, &there, &e) < 0 || there < GITEA_RESULTS);
	char text[FORGE_TEXT_MAX];
	r.status = 500;
	gitea_reply_text(&r, text);
	must(*text && str_is_printable(text, strlen(text)));
}

/* The whole input as a log: its rows are all of it. */
static void check_rows(const char *p, size_t n)
{
	struct gitea_rows rows = { .json = BUF(16 << 20) };
	struct err e = { 0 };
	for (size_t at = 0, len; at < n; at += len) {
		len = gitea_row(p + at, n - at, true);
		must(len > 0 && len <= n - at && len <= GITEA_ROW_MAX);
		must(gitea_rows_add(&rows, p + at, len, 0, &e) == 0);
	}
	buf_done(&rows.json);
}

static void step(struct gitea_ship *s, uint64_t *now, const struct http_reply *r)
{
	struct gitea_next next = gitea_ship_next(s, *now);
	if (next.todo == GITEA_WAIT) {
		must(next.at_ms > *now && next.at_ms <= *now + 3600u * 1000);
		*now = next.at_ms;
		next = gitea_ship_next(s, *now);
	}
	if (next.todo == GITEA_ROWS) {
		uint64_t left = s->size > s->off ? s->size - s->off : 0;
		must(left || s->ended);
		struct gitea_sent sent = { left / 10, left / 10 * 10, s->ended, s->ended };
		gitea_ship_heard_rows(s, *now, &sent, r);
	} else if (next.todo == GITEA_STATE || next.todo == GITEA_FINAL) {
		must(next.todo == GITEA_STATE || s->closed);
		gitea_ship_heard_state(s, *now, next.todo == GITEA_FINAL, r);
	}
	must(s->off <= s->size && s->want >= s->row);
	must(!s->over || *s->text);
	if (s->want != s->row)
		gitea_ship_seek(s, s->want, s->off);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data, *end = p + n;
	struct gitea_ship s = { 0 };
	struct gitea_pace pace;
	uint64_t now = 1000000;
	check_body(p, n);
	check_rows(p, n);
	gitea_ship_init(&s, 0, now);
	gitea_pace_init(&pace, 0, now);
	for (int i = 0; i < 64 && end - p > 2; i++) {
		int status = statuses[(unsigned char)p[0] % (sizeof statuses / sizeof *statuses)];
		const char *nl = memchr(p + 2, '\n', (size_t)(end - p - 2));
		const char *stop = nl ? nl : end;
		struct http_reply r = reply(status, p + 2, (size_t)(stop - p - 2));
		s.size += s.ended ? 0 : (unsigned char)p[1] * 10u;
		s.ended = s.ended || i == 32;
		step(&s, &now, &r);
		gitea_pace_failed(&pace, now, gitea_code(&r) == GITEA_UNAUTHENTICATED);
		must(pace.next_ms > now && pace.next_ms <= now + 60u * 1000);
		p = nl ? nl + 1 : end;
	}
	return 0;
}
