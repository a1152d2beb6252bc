/* runner.v1: requests as the server takes them, answers as it was seen to give them. */
#include "protocol/gitea_identity.h"
#include "protocol/gitea_pace.h"
#include "protocol/gitea_reply.h"
#include "protocol/gitea_rows.h"
#include "protocol/gitea_ship.h"
#include "protocol/gitea_wire.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define UUID "5dd93ed6-0894-4041-a645-6eb15955a7ad"
#define TOKEN "0123456789abcdef0123456789abcdef01234567"

static struct err e;
static struct forge_request q;
static const struct gitea_runner runner = { "http://h/git", UUID ":" TOKEN };
static struct buf none = BUF(0);

static void setup(void)
{
	e = (struct err){ 0 };
	q = (struct forge_request){ 0 };
}

static void teardown(void)
{
	forge_request_done(&q);
}

static const char *header(const char *name)
{
	size_t n = strlen(name);
	for (unsigned i = 0; i < q.nheaders; i++)
		if (strncmp(q.header[i], name, n) == 0 && q.header[i][n] == ':')
			return q.header[i] + n + 2;
	return "";
}

static struct http_reply reply(int status, const char *body)
{
	return (struct http_reply){ .status = status,
				    .error = status ? "" : "h: gone",
				    .body = body,
				    .body_len = strlen(body),
				    .headers = &none };
}

/* --- requests --- */

START_TEST(registering)
{
	struct gitea_registration r = { "G7YDehc", "json\"runner",
					"a:docker://node:20\nb\n\nc:host", true };
	ck_assert_int_eq(gitea_register("http://h", &r, &q, &e), 0);
	ck_assert_str_eq(q.method, "POST");
	ck_assert_str_eq(buf_cstr(&q.url), "http://h/api/actions/runner.v1.RunnerService/Register");
	ck_assert_str_eq(header("Content-Type"), "application/json");
	ck_assert_str_eq(header("x-runner-token"), "");
	ck_assert_str_eq(buf_cstr(&q.body),
			 "{\"name\":\"json\\\"runner\",\"token\":\"G7YDehc\",\"version\":\"" VERSION
			 "\",\"labels\":[\"a\",\"b\",\"c\"],\"ephemeral\":true}");
}
END_TEST

START_TEST(a_label_needs_a_name)
{
	struct gitea_registration r = { "t", "n", ":host", false };
	ck_assert_int_eq(gitea_register("http://h", &r, &q, &e), -1);
	ck_assert_str_eq(e.msg, "label \":host\": no name");
	forge_request_done(&q);
	r.labels = "a b";
	ck_assert_int_eq(gitea_register("http://h", &r, &q, &e), -1);
}
END_TEST

START_TEST(declaring_in_a_runners_name)
{
	ck_assert_int_eq(gitea_declare(&runner, "cjson", &q, &e), 0);
	ck_assert_str_eq(header("x-runner-uuid"), UUID);
	ck_assert_str_eq(header("x-runner-token"), TOKEN);
	ck_assert_str_eq(buf_cstr(&q.body),
			 "{\"version\":\"" VERSION "\",\"labels\":[\"cjson\"],\"capabilities\":["
			 "\"cancelling\"]}");
}
END_TEST

static const char *const bad_tokens[] = { "", "x", UUID, UUID ":", "short:token", UUID ":a\nb" };

START_TEST(a_token_without_its_uuid_is_none)
{
	struct gitea_runner g = { "http://h", bad_tokens[_i] };
	ck_assert_int_eq(gitea_fetch(&g, 0, &q, &e), -1);
	ck_assert_ptr_null(strstr(e.msg, "a\nb"));
}
END_TEST

START_TEST(asking_for_a_task)
{
	ck_assert_int_eq(gitea_fetch(&runner, 41, &q, &e), 0);
	ck_assert_str_eq(buf_cstr(&q.url),
			 "http://h/git/api/actions/runner.v1.RunnerService/FetchTask");
	ck_assert_str_eq(buf_cstr(&q.body), "{\"tasksVersion\":\"41\"}");
	ck_assert_uint_gt(q.max_answer, 1 << 20);
}
END_TEST

START_TEST(a_state)
{
	struct gitea_step steps[] = {
		{ GITEA_SUCCESS, 1795626240666776, 1795626240668702, 0, 3 },
		{ GITEA_UNSPECIFIED, 0, 0, 3, 0 },
	};
	struct gitea_state s = { 1, GITEA_SUCCESS, 1795626240659715, 1795626240662474, steps,
				 2, NULL };
	ck_assert_int_eq(gitea_update_task(&runner, &s, &q, &e), 0);
	ck_assert_str_eq(
		buf_cstr(&q.body),
		"{\"state\":{\"id\":\"1\",\"result\":\"RESULT_SUCCESS\",\"startedAt\":\"2026-11-"
		"25T17:04:00.659715Z\",\"stoppedAt\":\"2026-11-25T17:04:00.662474Z\",\"steps\":[{"
		"\"id\":\"0\",\"result\":\"RESULT_SUCCESS\",\"startedAt\":\"2026-11-25T17:04:00."
		"666776Z\",\"stoppedAt\":\"2026-11-25T17:04:00.668702Z\",\"logIndex\":\"0\","
		"\"logLength\":\"3\"},{\"id\":\"1\",\"logIndex\":\"3\",\"logLength\":\"0\"}]}}");
}
END_TEST

START_TEST(a_state_with_outputs)
{
	struct buf outputs = BUF(100);
	struct gitea_state s = { .id = 1, .outputs = &outputs };
	ck_assert_int_eq(buf_str(&outputs, "\"a\":\"b\"", &e), 0);
	ck_assert_int_eq(gitea_update_task(&runner, &s, &q, &e), 0);
	ck_assert_str_eq(buf_cstr(&q.body), "{\"state\":{\"id\":\"1\",\"steps\":[]},\"outputs\":{"
					    "\"a\":\"b\"}}");
	buf_done(&outputs);
}
END_TEST

START_TEST(rows_and_their_end)
{
	struct gitea_rows rows = { .json = BUF(1 << 20) };
	const char line[] = "2026-11-24T17:03:59.177378Z 01O ::group::g \xc3\xa9\r\n";
	ck_assert_int_eq(gitea_rows_add(&rows, line, sizeof line - 1, 1, &e), 0);
	ck_assert_int_eq(gitea_rows_add(&rows, "a \"b\"", 5, 1000000, &e), 0);
	struct gitea_log l = { 1, 4, rows.n, &rows.json, true };
	ck_assert_int_eq(gitea_update_log(&runner, &l, &q, &e), 0);
	ck_assert_str_eq(buf_cstr(&q.body),
			 "{\"taskId\":\"1\",\"index\":\"4\",\"rows\":[{\"time\":\"2026-11-24T17:03:"
			 "59.177378Z\",\"content\":\"::group::g \xc3\xa9\"},{\"time\":\"1970-01-"
			 "01T00:00:01.000000Z\",\"content\":\"a \\\"b\\\"\"}],\"noMore\":true}");
	ck_assert_str_eq(header("Content-Encoding"), "");
	buf_done(&rows.json);
}
END_TEST

START_TEST(many_rows_are_compressed)
{
	static char plain[1 << 20];
	struct gitea_rows rows = { .json = BUF(1 << 20) };
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(gitea_rows_add(&rows, "again and again", 15, 0, &e), 0);
	struct gitea_log l = { 1, 0, rows.n, &rows.json, false };
	ck_assert_int_eq(gitea_update_log(&runner, &l, &q, &e), 0);
	ck_assert_str_eq(header("Content-Encoding"), "gzip");
	ck_assert_uint_lt(q.body.len, rows.json.len / 10);
	z_stream z = { .next_in = (unsigned char *)q.body.p,
		       .avail_in = (unsigned)q.body.len,
		       .next_out = (unsigned char *)plain,
		       .avail_out = sizeof plain - 1 };
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	ck_assert_ptr_nonnull(strstr(plain, "{\"taskId\":\"1\",\"index\":\"0\",\"rows\":[{"));
	ck_assert_uint_gt(z.total_out, rows.json.len);
	buf_done(&rows.json);
}
END_TEST

START_TEST(a_row_ends_by_its_bytes)
{
	static char big[2 * GITEA_ROW_MAX];
	memset(big, 'x', sizeof big);
	ck_assert_uint_eq(gitea_row("a\nb", 3, false), 2);
	ck_assert_uint_eq(gitea_row("ab", 2, false), 0);
	ck_assert_uint_eq(gitea_row("ab", 2, true), 2);
	ck_assert_uint_eq(gitea_row("", 0, true), 0);
	ck_assert_uint_eq(gitea_row(big, sizeof big, false), GITEA_ROW_MAX);
	ck_assert_uint_eq(gitea_row(big, GITEA_ROW_MAX - 1, false), 0);
}
END_TEST

START_TEST(forgejos_offline_secret)
{
	char token[FORGE_TOKEN_MAX];
	const char *secret = "7c31591e8b67225a116d4a4519ea8e507e08f71f";
	ck_assert_int_eq(gitea_offline_token(secret, token, &e), 0);
	ck_assert_str_eq(token, "37633331-3539-3165-3862-363732323561:"
				"7c31591e8b67225a116d4a4519ea8e507e08f71f");
	ck_assert_int_eq(gitea_offline_token("7c31591e", token, &e), -1);
	ck_assert_int_eq(gitea_offline_token("zc31591e8b67225a116d4a4519ea8e507e08f71f", token, &e),
			 -1);
}
END_TEST

START_TEST(labels_with_a_schema)
{
	ck_assert_int_eq(gitea_label_check("ubuntu-latest", &e), 0);
	ck_assert_int_eq(gitea_label_check("ubuntu-latest:host", &e), 0);
	ck_assert_int_eq(gitea_label_check("x:docker://node:20", &e), 0);
	ck_assert_int_eq(gitea_label_check("x:docker:node", &e), 0);
	ck_assert_int_eq(gitea_label_check("x:docker://", &e), -1);
	ck_assert_str_eq(e.msg, "label \"x:docker://\": no image");
	ck_assert_int_eq(gitea_label_check("x:lxc", &e), -1);
	ck_assert_int_eq(gitea_label_check("x:vm", &e), -1);
	ck_assert_str_eq(e.msg, "label \"x:vm\": the schema is host or docker");
	ck_assert_int_eq(gitea_label_check(":host", &e), -1);
}
END_TEST

/* --- answers --- */

struct code_row {
	int status;
	const char *body;
	enum gitea_code want;
};

static const struct code_row codes[] = {
	{ 200, "{}", GITEA_OK },
	{ 500,
	  "{\"code\":\"unknown\",\"message\":\"rpc error: code = Unauthenticated desc = "
	  "unregistered runner\"}",
	  GITEA_UNAUTHENTICATED },
	{ 401, "{\"code\":\"unauthenticated\",\"message\":\"unregistered runner\"}",
	  GITEA_UNAUTHENTICATED },
	{ 401, "go away", GITEA_UNAUTHENTICATED },
	{ 500,
	  "{\"code\":\"unknown\",\"message\":\"rpc error: code = AlreadyExists desc = log file has "
	  "been archived\"}",
	  GITEA_ARCHIVED },
	{ 409, "{\"code\":\"already_exists\",\"message\":\"log file has been archived\"}",
	  GITEA_ARCHIVED },
	{ 500,
	  "{\"code\":\"unknown\",\"message\":\"rpc error: code = Internal desc = update task: "
	  "resource does not exist\"}",
	  GITEA_NOT_FOUND },
	{ 400, "{\"code\":\"invalid_argument\",\"message\":\"unmarshal message: x\"}",
	  GITEA_INVALID },
	{ 404, "404 page not found", GITEA_UNIMPLEMENTED },
	{ 500, "{\"code\":\"unknown\",\"message\":\"runner registration token not found\"}",
	  GITEA_UNAUTHENTICATED },
	{ 500, "<!DOCTYPE html>", GITEA_FAILED },
	{ 503, "", GITEA_FAILED },
	{ 0, "", GITEA_FAILED },
};

START_TEST(codes_are_in_the_text)
{
	struct http_reply r = reply(codes[_i].status, codes[_i].body);
	ck_assert_int_eq(gitea_code(&r), codes[_i].want);
}
END_TEST

START_TEST(a_refusal_in_words)
{
	char text[FORGE_TEXT_MAX];
	struct http_reply r = reply(500, codes[9].body);
	gitea_reply_text(&r, text);
	ck_assert_str_eq(text, "status 500: runner registration token not found");
	r = reply(500, "{\"message\":\"a\\nb\"}");
	gitea_reply_text(&r, text);
	ck_assert_str_eq(text, "status 500: a?b");
	r = reply(0, "");
	gitea_reply_text(&r, text);
	ck_assert_str_eq(text, "h: gone");
}
END_TEST

START_TEST(a_registered_runner)
{
	struct forge_identity id;
	struct http_reply r = reply(200, "{\"runner\":{\"id\":\"1\",\"uuid\":\"" UUID
					 "\",\"token\":\"" TOKEN
					 "\",\"name\":\"jsonrunner\",\"ephemeral\":true}}");
	ck_assert_int_eq(gitea_runner_read(&r, false, &id, &e), 0);
	ck_assert_uint_eq(id.id, 1);
	ck_assert_str_eq(id.token, UUID ":" TOKEN);
	ck_assert(id.ephemeral);
	r = reply(200, "{\"runner\":{\"id\":\"1\",\"uuid\":\"" UUID "\"}}");
	ck_assert_int_eq(gitea_runner_read(&r, false, &id, &e), -1);
	ck_assert_int_eq(gitea_runner_read(&r, true, &id, &e), 0);
	ck_assert_str_eq(id.token, "");
	r = reply(500, codes[1].body);
	ck_assert_int_eq(gitea_runner_read(&r, true, &id, &e), -1);
	ck_assert_int_eq(e.code, EACCES);
}
END_TEST

START_TEST(a_fetched_task)
{
	struct forge_offer o;
	struct gitea_fetched f;
	struct http_reply r = reply(200, "{\"tasksVersion\":\"1\"}");
	ck_assert_int_eq(gitea_fetch_read(&r, &o, &f, &e), 0);
	ck_assert(!f.task);
	ck_assert_uint_eq(f.version, 1);
	r = reply(200, "{\"task\":{\"id\":\"5\",\"context\":{\"ref_protected\":true,\"repository\":"
		       "\"boss/demo\",\"event\":{\"repository\":{\"id\":3,\"full_name\":"
		       "\"boss/demo\"}}}},\"tasksVersion\":\"2\"}");
	ck_assert_int_eq(gitea_fetch_read(&r, &o, &f, &e), 0);
	ck_assert(f.task && o.protected_ref);
	ck_assert_uint_eq(o.id, 5);
	ck_assert_uint_eq(o.project_id, 3);
	ck_assert_str_eq(o.project_path, "boss/demo");
	/* the number of another repository is none of this one */
	r = reply(200, "{\"task\":{\"id\":5,\"context\":{\"repository\":\"boss/demo\",\"event\":{"
		       "\"repository\":{\"id\":3,\"full_name\":\"a/b\"}}}}}");
	ck_assert_int_eq(gitea_fetch_read(&r, &o, &f, &e), 0);
	ck_assert_uint_gt(o.project_id, 1ULL << 62);
	ck_assert_uint_eq(f.version, 0);
	r = reply(200, "{\"task\":{}}");
	ck_assert_int_eq(gitea_fetch_read(&r, &o, &f, &e), -1);
}
END_TEST

START_TEST(states_and_acknowledgements)
{
	enum gitea_result there;
	uint64_t ack = 7;
	struct http_reply r = reply(200, "{\"ackIndex\":\"4\"}");
	ck_assert_int_eq(gitea_ack_read(&r, &ack, &e), 0);
	ck_assert_uint_eq(ack, 4);
	r = reply(200, "{}"); /* zero values are left out */
	ck_assert_int_eq(gitea_ack_read(&r, &ack, &e), 0);
	ck_assert_uint_eq(ack, 0);
	r = reply(200, "{\"state\":{\"id\":\"1\"},\"sentOutputs\":[\"v\",\"w\"]}");
	ck_assert_int_eq(gitea_state_read(&r, &there, &e), 0);
	ck_assert_int_eq(there, GITEA_UNSPECIFIED);
	r = reply(200, "{\"state\":{\"id\":\"1\",\"result\":\"RESULT_CANCELLED\"}}");
	ck_assert_int_eq(gitea_state_read(&r, &there, &e), 0);
	ck_assert_int_eq(there, GITEA_CANCELLED);
	r = reply(200, "{\"state\":{\"result\":2}}");
	ck_assert_int_eq(gitea_state_read(&r, &there, &e), 0);
	ck_assert_int_eq(there, GITEA_FAILURE);
	r = reply(200, "<html>");
	ck_assert_int_eq(gitea_state_read(&r, &there, &e), -1);
}
END_TEST

/* --- pace --- */

START_TEST(idle_polls_grow_rare)
{
	struct gitea_pace p;
	struct gitea_fetched nothing = { false, 4 };
	gitea_pace_init(&p, 0, 1000);
	ck_assert_uint_eq(p.next_ms, 0);
	gitea_pace_fetched(&p, 2000, &nothing);
	ck_assert_uint_eq(p.version, 4);
	ck_assert_uint_ge(p.next_ms, 2900);
	ck_assert_uint_le(p.next_ms, 3000);
	gitea_pace_fetched(&p, 2000 + 11 * 60000, &nothing);
	ck_assert_uint_gt(p.next_ms, 2000 + 11 * 60000 + 1700);
	gitea_pace_fetched(&p, 2000 + 90 * 60000, &nothing);
	ck_assert_uint_gt(p.next_ms, 2000 + 90 * 60000 + 4400);
	ck_assert_uint_le(p.next_ms, 2000 + 90 * 60000 + 5000);
	nothing.version = 5;
	gitea_pace_fetched(&p, 2000 + 91 * 60000, &nothing);
	ck_assert_uint_le(p.next_ms, 2000 + 91 * 60000 + 1000);
}
END_TEST

START_TEST(after_a_task_it_is_asked_again_at_once)
{
	struct gitea_pace p;
	struct gitea_fetched task = { true, 9 }, old = { false, 0 };
	gitea_pace_init(&p, 500, 0);
	gitea_pace_fetched(&p, 100, &task);
	ck_assert_uint_eq(p.next_ms, 100);
	ck_assert_uint_eq(p.version, 0);
	gitea_pace_fetched(&p, 200, &old);
	ck_assert_uint_gt(p.next_ms, 1000);
	gitea_pace_failed(&p, 5000, true);
	ck_assert_uint_eq(p.next_ms, 65000);
	gitea_pace_failed(&p, 5000, false);
	ck_assert_uint_le(p.next_ms, 6000);
}
END_TEST

/* --- shipping --- */

static void heard(struct gitea_ship *s, uint64_t now, struct gitea_sent sent, int status,
		  const char *body)
{
	struct http_reply r = reply(status, body);
	gitea_ship_heard_rows(s, now, &sent, &r);
}

START_TEST(states_are_sent_as_long_as_it_runs)
{
	struct gitea_ship s = { 0 };
	gitea_ship_init(&s, 0, 1000);
	struct gitea_next n = gitea_ship_next(&s, 1000);
	ck_assert_int_eq(n.todo, GITEA_WAIT);
	ck_assert_uint_eq(n.at_ms, 1000 + GITEA_BEAT_MS);
	s.news = true;
	ck_assert_uint_lt(gitea_ship_next(&s, 1000).at_ms, 1500);
	s.news = false;
	s.size = 10; /* rows may go at once, the state before them when it is due */
	ck_assert_int_eq(gitea_ship_next(&s, 1000).todo, GITEA_ROWS);
	ck_assert_int_eq(gitea_ship_next(&s, 1000 + GITEA_BEAT_MS).todo, GITEA_STATE);
	gitea_ship_stuck(&s);
	ck_assert_int_eq(gitea_ship_next(&s, 1000).todo, GITEA_WAIT);
	s.size = 20;
	ck_assert_int_eq(gitea_ship_next(&s, 1000).todo, GITEA_ROWS);
}
END_TEST

START_TEST(the_state_comes_after_the_log)
{
	struct gitea_ship s = { 0 };
	gitea_ship_init(&s, 0, 0);
	s.size = 30;
	s.ended = true;
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_ROWS);
	heard(&s, 1, (struct gitea_sent){ 3, 30, false, false }, 200, "{\"ackIndex\":\"3\"}");
	ck_assert_uint_eq(s.row, 3);
	ck_assert_uint_eq(s.off, 30);
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_ROWS);
	heard(&s, 1, (struct gitea_sent){ 0, 0, true, true }, 200, "{\"ackIndex\":\"4\"}");
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_FINAL);
	struct http_reply r = reply(200,
				    "{\"state\":{\"id\":\"1\",\"result\":\"RESULT_SUCCESS\"}}");
	ck_assert(!gitea_ship_heard_state(&s, 1, true, &r));
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_OVER);
	ck_assert(s.delivered);
}
END_TEST

START_TEST(a_blank_row_that_did_nothing_is_sent_again)
{
	struct gitea_ship s = { .row = 3, .want = 3, .off = 30, .size = 30, .ended = true };
	gitea_ship_init(&s, 0, 0);
	heard(&s, 1, (struct gitea_sent){ 0, 0, true, true }, 200, "{\"ackIndex\":\"3\"}");
	ck_assert(!s.closed);
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_WAIT);
}
END_TEST

START_TEST(the_server_has_other_rows_than_we_thought)
{
	struct gitea_ship s = { .size = 1000 };
	gitea_ship_init(&s, 0, 0);
	heard(&s, 1, (struct gitea_sent){ 5, 50, false, false }, 200, "{\"ackIndex\":\"2\"}");
	ck_assert_uint_eq(s.row, 0);
	ck_assert_uint_eq(s.want, 2);
	gitea_ship_seek(&s, 2, 20);
	heard(&s, 1, (struct gitea_sent){ 5, 50, false, false }, 200, "{\"ackIndex\":\"9\"}");
	ck_assert_uint_eq(s.row, 7);
	ck_assert_uint_eq(s.want, 9);
	/* fewer than it had: it lost them, and no more are sent */
	gitea_ship_seek(&s, 9, 90);
	heard(&s, 1, (struct gitea_sent){ 5, 50, false, false }, 200, "{\"ackIndex\":\"1\"}");
	ck_assert(s.closed);
}
END_TEST

START_TEST(rows_after_the_archive)
{
	struct gitea_ship s = { .size = 10, .ended = true };
	gitea_ship_init(&s, 0, 0);
	heard(&s, 1, (struct gitea_sent){ 1, 10, true, false }, 500, codes[4].body);
	ck_assert_int_eq(gitea_ship_next(&s, 1).todo, GITEA_FINAL);
}
END_TEST

START_TEST(a_cancel_is_told_once)
{
	struct gitea_ship s = { 0 };
	gitea_ship_init(&s, 0, 0);
	struct http_reply r = reply(200,
				    "{\"state\":{\"id\":\"1\",\"result\":\"RESULT_CANCELLED\"}}");
	ck_assert(gitea_ship_heard_state(&s, 1, false, &r));
	ck_assert(!gitea_ship_heard_state(&s, 2, false, &r));
	ck_assert_int_eq(gitea_ship_next(&s, 2).todo, GITEA_WAIT);
}
END_TEST

START_TEST(a_final_state_is_given_up_at_last)
{
	struct gitea_ship s = { .ended = true, .closed = true };
	gitea_ship_init(&s, 3, 0);
	struct http_reply r = reply(502, "");
	uint64_t now = 1;
	for (int i = 0; i < 3; i++, now = s.not_before_ms) {
		ck_assert_int_eq(gitea_ship_next(&s, now).todo, GITEA_FINAL);
		ck_assert(!gitea_ship_heard_state(&s, now, true, &r));
	}
	ck_assert(s.over && !s.delivered);
	ck_assert_str_eq(s.text, "status 502");
}
END_TEST

START_TEST(a_deleted_ephemeral_runner_has_delivered)
{
	struct gitea_ship s = { .ended = true, .closed = true };
	gitea_ship_init(&s, 3, 0);
	struct http_reply r = reply(500, codes[1].body);
	ck_assert(!gitea_ship_heard_state(&s, 1, true, &r));
	ck_assert(s.over && s.delivered);
	struct gitea_ship running = { 0 };
	gitea_ship_init(&running, 3, 0);
	ck_assert(gitea_ship_heard_state(&running, 1, false, &r));
	ck_assert(!running.over);
}
END_TEST

static TCase *tests(void)
{
	TCase *t = tcase_create("gitea");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, registering);
	tcase_add_test(t, a_label_needs_a_name);
	tcase_add_test(t, declaring_in_a_runners_name);
	tcase_add_loop_test(t, a_token_without_its_uuid_is_none, 0,
			    sizeof bad_tokens / sizeof *bad_tokens);
	tcase_add_test(t, asking_for_a_task);
	tcase_add_test(t, a_state);
	tcase_add_test(t, a_state_with_outputs);
	tcase_add_test(t, rows_and_their_end);
	tcase_add_test(t, many_rows_are_compressed);
	tcase_add_test(t, a_row_ends_by_its_bytes);
	tcase_add_test(t, forgejos_offline_secret);
	tcase_add_test(t, labels_with_a_schema);
	tcase_add_loop_test(t, codes_are_in_the_text, 0, sizeof codes / sizeof *codes);
	tcase_add_test(t, a_refusal_in_words);
	tcase_add_test(t, a_registered_runner);
	tcase_add_test(t, a_fetched_task);
	tcase_add_test(t, states_and_acknowledgements);
	tcase_add_test(t, idle_polls_grow_rare);
	tcase_add_test(t, after_a_task_it_is_asked_again_at_once);
	tcase_add_test(t, states_are_sent_as_long_as_it_runs);
	tcase_add_test(t, the_state_comes_after_the_log);
	tcase_add_test(t, a_blank_row_that_did_nothing_is_sent_again);
	tcase_add_test(t, the_server_has_other_rows_than_we_thought);
	tcase_add_test(t, rows_after_the_archive);
	tcase_add_test(t, a_cancel_is_told_once);
	tcase_add_test(t, a_final_state_is_given_up_at_last);
	tcase_add_test(t, a_deleted_ephemeral_runner_has_delivered);
	return t;
}

int main(void)
{
	Suite *s = suite_create("gitea");
	suite_add_tcase(s, tests());
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
