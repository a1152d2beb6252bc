#include "protocol/gitlab_pace.h"
#include "protocol/gitlab_reply.h"
#include "protocol/forge_retry.h"
#include "protocol/gitlab_wire.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static struct forge_request q;
static const struct gitlab_runner runner = {
	.url = "http://h/gitlab",
	.token = "glrt-token",
	.system_id = "r_0123456789ab",
	.shell = "sh",
	.last_update = "",
};

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

/* --- requests --- */

START_TEST(a_poll)
{
	struct gitlab_runner g = runner;
	g.last_update = "a\"b";
	ck_assert_int_eq(gitlab_poll(&g, &q, &e), 0);
	ck_assert_str_eq(q.method, "POST");
	ck_assert_str_eq(buf_cstr(&q.url), "http://h/gitlab/api/v4/jobs/request");
	ck_assert_str_eq(header("RUNNER-TOKEN"), "glrt-token");
	ck_assert_str_eq(header("Content-Type"), "application/json");
	ck_assert_uint_eq(strlen(header("X-Request-Id")), 32);
	ck_assert_uint_gt(q.timeout_ms, 60000);
	ck_assert_uint_eq(q.stall_ms, 0);
	json_t *j = json_loads(buf_cstr(&q.body), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert_str_eq(json_string_value(json_object_get(j, "last_update")), "a\"b");
	ck_assert_str_eq(json_string_value(json_object_get(j, "system_id")), "r_0123456789ab");
	json_t *info = json_object_get(j, "info");
	ck_assert_str_eq(json_string_value(json_object_get(info, "shell")), "sh");
	json_t *features = json_object_get(info, "features");
	ck_assert_uint_eq(json_object_size(features), 31);
	ck_assert(json_is_true(json_object_get(features, "two_phase_job_commit")));
	ck_assert(json_is_true(json_object_get(features, "services")));
	ck_assert(json_is_false(json_object_get(features, "terminal")));
	json_decref(j);
}
END_TEST

START_TEST(the_parts_of_a_trace)
{
	struct gitlab_job j = { 7, "job-token", true };
	ck_assert_int_eq(gitlab_patch(&runner, &j, (struct gitlab_span){ 100, 50 }, &q, &e), 0);
	ck_assert_str_eq(q.method, "PATCH");
	ck_assert_str_eq(buf_cstr(&q.url), "http://h/gitlab/api/v4/jobs/7/trace?debug_trace=true");
	ck_assert_str_eq(header("Content-Range"), "100-149");
	ck_assert_str_eq(header("Content-Type"), "text/plain");
	ck_assert_str_eq(header("JOB-TOKEN"), "job-token");
	ck_assert_uint_eq(q.body.len, 0);
}
END_TEST

START_TEST(a_final_state)
{
	struct gitlab_job j = { 7, "job-token", false };
	struct gitlab_update u = { .state = "failed",
				   .reason = "script_failure",
				   .exit_code = 3,
				   .has_output = true,
				   .crc = 0xab,
				   .size = 5000000000 };
	ck_assert_int_eq(gitlab_update(&runner, &j, &u, &q, &e), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&q.body),
				     "\"output\":{\"checksum\":\"crc32:000000ab\","
				     "\"bytesize\":5000000000},\"exit_code\":3}"));
	forge_request_done(&q);
	u = (struct gitlab_update){ .state = "success", .reason = "" };
	ck_assert_int_eq(gitlab_update(&runner, &j, &u, &q, &e), 0);
	ck_assert_ptr_null(strstr(buf_cstr(&q.body), "\"exit_code\""));
	ck_assert_ptr_null(strstr(buf_cstr(&q.body), "failure_reason"));
	ck_assert_ptr_null(strstr(buf_cstr(&q.body), "output"));
}
END_TEST

START_TEST(a_token_cannot_add_a_header)
{
	struct gitlab_runner g = runner;
	g.token = "a\r\nX-Evil: 1";
	ck_assert_int_eq(gitlab_poll(&g, &q, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "control"));
	ck_assert_ptr_null(strstr(e.msg, "Evil"));
}
END_TEST

/* --- answers --- */

static struct buf head = BUF(2000);

static struct http_reply reply(int status, const char *headers, const char *body)
{
	buf_clear(&head);
	ck_assert_int_eq(buf_printf(&head, &e, "HTTP/1.1 %d X\r\n%s", status, headers), 0);
	return (struct http_reply){ .status = status,
				    .error = status ? "" : "h: refused",
				    .body = body,
				    .body_len = strlen(body),
				    .headers = &head };
}

static const struct {
	const char *text;
	uint64_t want;
} times[] = {
	{ "2026-01-02T03:04:05.678Z", 1767323045 },
	{ "2026-01-02T03:04:05Z", 1767323045 },
	{ "2026-01-02T05:34:05+02:30", 1767323045 },
	{ "2026-01-01T22:04:05.1-05:00", 1767323045 },
	{ "", 0 },
	{ "tomorrow", 0 },
	{ "1960-01-01T00:00:00Z", 0 },
};

START_TEST(points_in_time)
{
	ck_assert_uint_eq(gitlab_time(times[_i].text), times[_i].want);
}
END_TEST

START_TEST(identities)
{
	struct forge_identity id;
	struct http_reply r = reply(201, "",
				    "{\"id\":5,\"token\":\"glrt-x\","
				    "\"token_expires_at\":\"2026-01-02T03:04:05.678Z\"}");
	ck_assert_int_eq(gitlab_identity_read(&r, 201, &id, &e), 0);
	ck_assert_uint_eq(id.id, 5);
	ck_assert_str_eq(id.token, "glrt-x");
	ck_assert_uint_eq(id.expires, 1767323045);
	r = reply(200, "", "200");
	ck_assert_int_eq(gitlab_identity_read(&r, 200, &id, &e), 0);
	ck_assert_uint_eq(id.id, 0);
	r = reply(201, "", "{\"id\":-5,\"token\":\"a\\nb\",\"token_expires_at\":null}");
	ck_assert_int_eq(gitlab_identity_read(&r, 201, &id, &e), 0);
	ck_assert_str_eq(id.token, "");
	ck_assert_uint_eq(id.id, 0);
	r = reply(403, "", "{\"message\":{\"tags\":[\"are\\u001b[31m bad\"]}}");
	ck_assert_int_eq(gitlab_identity_read(&r, 201, &id, &e), -1);
	ck_assert_str_eq(e.msg, "status 403: tags are?[31m bad");
	r = reply(0, "", "");
	ck_assert_int_eq(gitlab_identity_read(&r, 201, &id, &e), -1);
	ck_assert_str_eq(e.msg, "h: refused");
}
END_TEST

static const struct {
	const char *text;
	uint64_t id; /* 0: refused */
	const char *token;
} offers[] = {
	{ "{\"id\":1,\"token\":\"t\"}", 1, "t" },
	{ "{\"id\":1,\"token\":\"t\"", 1, "t" },
	{ "{\"x\":{\"id\":9,\"token\":\"no\"},\"token\":\"t\",\"id\":2,\"y\":[", 2, "t" },
	{ "{\"s\":\"\\\"id\\\":9\",\"id\":3,\"token\":\"t\",\xff", 3, "t" },
	{ "{\"id\" : 4 , \"token\" :\n\"t\", bad", 4, "t" },
	{ "{\"id\":4,\"token\":\"a\\u000ab\",", 0, "" },
	{ "{\"id\":4,\"token\":\"unended", 0, "" },
	{ "[{\"id\":4,\"token\":\"t\"}", 0, "" },
	{ "{\"id\":0,\"token\":\"t\"}", 0, "" },
	{ "", 0, "" },
};

START_TEST(offers_as_far_as_they_go)
{
	struct forge_offer o = { 0 };
	int r = gitlab_offer_read(offers[_i].text, strlen(offers[_i].text), &o, &e);
	ck_assert_int_eq(r, offers[_i].id ? 0 : -1);
	ck_assert_uint_eq(o.id, offers[_i].id);
	ck_assert_str_eq(o.token, offers[_i].token);
	ck_assert_int_eq(r < 0, e.msg[0] != '\0');
}
END_TEST

START_TEST(what_an_offer_says)
{
	const char *text =
		"{\"id\":1,\"token\":\"t\",\"job_info\":{\"project_id\":3,\"project_full_path\":"
		"\"g/p\"},\"git_info\":{\"protected\":true},\"runner_info\":{\"timeout\":60},"
		"\"features\":{\"failure_reasons\":[\"a_b\",\"C\",5,\"d\"]},"
		"\"variables\":[{\"key\":\"CI_DEBUG_SERVICES\",\"value\":\"true\"}]}";
	struct forge_offer o;
	ck_assert_int_eq(gitlab_offer_read(text, strlen(text), &o, &e), 0);
	ck_assert_uint_eq(o.project_id, 3);
	ck_assert_str_eq(o.project_path, "g/p");
	ck_assert(o.protected_ref && o.debug_trace);
	ck_assert_uint_eq(o.timeout_s, 60);
	ck_assert_str_eq(o.reasons, "a_b,d");
}
END_TEST

START_TEST(accepting)
{
	static const struct {
		int status;
		const char *headers;
		enum gitlab_accept want;
	} rows[] = {
		{ 200, "", GITLAB_ACCEPT_GO },
		{ 200, "Job-Status: running\r\n", GITLAB_ACCEPT_GO },
		{ 500, "", GITLAB_ACCEPT_GO },
		{ 0, "", GITLAB_ACCEPT_GO },
		{ 403, "", GITLAB_ACCEPT_DROP },
		{ 404, "", GITLAB_ACCEPT_DROP },
		{ 200, "job-status:  canceled \r\n", GITLAB_ACCEPT_DROP },
		{ 200, "Job-Status: failed\r\n", GITLAB_ACCEPT_DROP },
		{ 200, "Job-Status: canceling\r\n", GITLAB_ACCEPT_CANCELED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_reply r = reply(rows[i].status, rows[i].headers, "");
		ck_assert_int_eq(gitlab_accept_read(&r), rows[i].want);
	}
}
END_TEST

/* --- retries --- */

START_TEST(five_attempts)
{
	struct forge_retry t = { 0 };
	uint64_t ms = 0;
	struct http_reply r = reply(502, "", "");
	for (unsigned i = 0; i < FORGE_ATTEMPTS - 1; i++) {
		ck_assert(forge_retry_again(&t, &r, 0, &ms));
		ck_assert_uint_ge(ms, 50u << i);
		ck_assert_uint_le(ms, 100u << i);
	}
	ck_assert(!forge_retry_again(&t, &r, 0, &ms));
	ck_assert(t.pushed_back);
}
END_TEST

START_TEST(only_some_statuses)
{
	static const int again[] = { 408, 429, 500, 502, 503, 504, 512, 599 };
	static const int stands[] = { 0, 200, 201, 204, 301, 400, 403, 404, 409, 416, 501, 511 };
	uint64_t ms;
	for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
		struct forge_retry t = { 0 };
		struct http_reply r = reply(again[i], "", "");
		ck_assert(forge_retry_again(&t, &r, 0, &ms));
	}
	for (size_t i = 0; i < sizeof stands / sizeof *stands; i++) {
		struct forge_retry t = { 0 };
		struct http_reply r = reply(stands[i], "", "");
		ck_assert(!forge_retry_again(&t, &r, 0, &ms));
		ck_assert(!t.pushed_back);
	}
}
END_TEST

static const struct {
	const char *headers;
	uint64_t least, most;
} waits[] = {
	{ "Retry-After: 7\r\n", 7000, 7700 },
	{ "Retry-After: soon\r\n", 50, 100 },
	{ "Retry-After: 999999999\r\n", 3600000, 3960000 },
	{ "RateLimit-ResetTime: Fri, 02 Jan 2026 03:04:35 GMT\r\nRetry-After: 3\r\n", 30000,
	  33000 },
	{ "RateLimit-ResetTime: Fri, 02 Jan 2026 03:04:01 GMT\r\nRetry-After: 3\r\n", 3000, 3300 },
	{ "RateLimit-ResetTime: gibberish\r\n", 50, 100 },
};

START_TEST(waits_as_told)
{
	struct forge_retry t = { 0 };
	uint64_t ms = 0;
	struct http_reply r = reply(429, waits[_i].headers, "");
	ck_assert(forge_retry_again(&t, &r, 1767323045, &ms));
	ck_assert_uint_ge(ms, waits[_i].least);
	ck_assert_uint_le(ms, waits[_i].most);
}
END_TEST

/* --- pace --- */

static struct gitlab_pace pace;

static bool ended(enum gitlab_polled what, uint64_t now, bool news)
{
	return gitlab_pace_ended(&pace, now, (struct gitlab_poll_end){ what, false, news });
}

START_TEST(one_poll_at_a_time_and_three_seconds_apart)
{
	uint64_t at, now = 100000;
	pace = (struct gitlab_pace){ 0 };
	gitlab_pace_init(&pace);
	ck_assert(gitlab_pace_may(&pace, now, 0, &at));
	gitlab_pace_started(&pace, now);
	ck_assert(!gitlab_pace_may(&pace, now, 1, &at));
	ck_assert_uint_eq(at, 0);
	ended(GITLAB_POLL_NONE, now + 10, false);
	ck_assert(!gitlab_pace_may(&pace, now + 10, 0, &at));
	ck_assert_uint_ge(at, now + 3000);
	ck_assert_uint_le(at, now + 3300);
	ck_assert(gitlab_pace_may(&pace, at, 0, &at));
	gitlab_pace_started(&pace, now + 4000);
	ended(GITLAB_POLL_NONE, now + 54000, false); /* a held poll */
	ck_assert(gitlab_pace_may(&pace, now + 54000, 0, &at));
	ended(GITLAB_POLL_JOB, now + 54001, false);
	ck_assert(gitlab_pace_may(&pace, now + 54001, 0, &at));
}
END_TEST

START_TEST(a_strict_interval_is_kept_after_a_job)
{
	uint64_t at, now = 100000;
	pace = (struct gitlab_pace){ .interval_ms = 3000, .strict = true };
	gitlab_pace_init(&pace);
	gitlab_pace_started(&pace, now);
	ended(GITLAB_POLL_JOB, now + 10, false);
	ck_assert(!gitlab_pace_may(&pace, now + 10, 0, &at));
	ck_assert_uint_ge(at, now + 3000);
	ck_assert(gitlab_pace_may(&pace, at, 0, &at));
}
END_TEST

START_TEST(news_is_followed_at_once_but_not_for_ever)
{
	uint64_t at, now = 100000;
	unsigned quick = 0;
	pace = (struct gitlab_pace){ 0 };
	gitlab_pace_init(&pace);
	for (; quick < 100; quick++, now++) {
		if (!gitlab_pace_may(&pace, now, 0, &at))
			break;
		gitlab_pace_started(&pace, now);
		ended(GITLAB_POLL_NONE, now, true);
	}
	ck_assert_uint_ge(quick, 3);
	ck_assert_uint_lt(quick, 20);
	ended(GITLAB_POLL_JOB, now, false);
	gitlab_pace_started(&pace, now);
	ended(GITLAB_POLL_NONE, now, true);
	ck_assert(gitlab_pace_may(&pace, now, 0, &at));
}
END_TEST

START_TEST(three_refusals_are_unhealthy)
{
	uint64_t at, now = 100000;
	pace = (struct gitlab_pace){ 0 };
	gitlab_pace_init(&pace);
	ck_assert(!ended(GITLAB_POLL_REFUSED, now, false));
	ck_assert(!ended(GITLAB_POLL_REFUSED, now, false));
	ended(GITLAB_POLL_BUSY, now, false); /* a healthy answer forgives */
	ck_assert(!ended(GITLAB_POLL_REFUSED, now, false));
	ck_assert(!ended(GITLAB_POLL_REFUSED, now, false));
	ck_assert(ended(GITLAB_POLL_REFUSED, now, false));
	ck_assert(!gitlab_pace_may(&pace, now + 3599999, 0, &at));
	ck_assert(gitlab_pace_may(&pace, now + 3600000, 0, &at));
}
END_TEST

START_TEST(failures_back_off)
{
	uint64_t at, now = 100000;
	pace = (struct gitlab_pace){ 0 };
	gitlab_pace_init(&pace);
	for (int i = 0; i < 20; i++) {
		ended(GITLAB_POLL_FAILED, now, false);
		ck_assert(!gitlab_pace_may(&pace, now, 0, &at));
		ck_assert_uint_ge(at, now + 1500);
		ck_assert_uint_le(at, now + 30000);
	}
	ck_assert_uint_ge(at, now + 15000);
}
END_TEST

START_TEST(concurrency_follows_the_jobs)
{
	uint64_t at, now = 100000;
	pace = (struct gitlab_pace){ .concurrency = 3 };
	gitlab_pace_init(&pace);
	ck_assert(!gitlab_pace_may(&pace, now, 1, &at));
	ended(GITLAB_POLL_JOB, now, false);
	ck_assert(gitlab_pace_may(&pace, now, 1, &at));
	ck_assert(!gitlab_pace_may(&pace, now, 2, &at));
	for (int i = 0; i < 50; i++)
		ended(GITLAB_POLL_JOB, now, false);
	ck_assert(gitlab_pace_may(&pace, now, 2, &at));
	ck_assert(!gitlab_pace_may(&pace, now, 3, &at));
	gitlab_pace_ended(&pace, now, (struct gitlab_poll_end){ GITLAB_POLL_JOB, true, false });
	ck_assert(!gitlab_pace_may(&pace, now, 2, &at));
	for (int i = 0; i < 50; i++)
		ended(GITLAB_POLL_NONE, now, false);
	ck_assert(!gitlab_pace_may(&pace, now + 60000, 1, &at));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_wire");
	TCase *t = tcase_create("requests, answers, retries, pace");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_poll);
	tcase_add_test(t, the_parts_of_a_trace);
	tcase_add_test(t, a_final_state);
	tcase_add_test(t, a_token_cannot_add_a_header);
	tcase_add_loop_test(t, points_in_time, 0, (int)(sizeof times / sizeof *times));
	tcase_add_test(t, identities);
	tcase_add_loop_test(t, offers_as_far_as_they_go, 0, (int)(sizeof offers / sizeof *offers));
	tcase_add_test(t, what_an_offer_says);
	tcase_add_test(t, accepting);
	tcase_add_test(t, five_attempts);
	tcase_add_test(t, only_some_statuses);
	tcase_add_loop_test(t, waits_as_told, 0, (int)(sizeof waits / sizeof *waits));
	tcase_add_test(t, one_poll_at_a_time_and_three_seconds_apart);
	tcase_add_test(t, a_strict_interval_is_kept_after_a_job);
	tcase_add_test(t, a_strict_interval_is_kept_after_a_job);
	tcase_add_test(t, news_is_followed_at_once_but_not_for_ever);
	tcase_add_test(t, three_refusals_are_unhealthy);
	tcase_add_test(t, failures_back_off);
	tcase_add_test(t, concurrency_follows_the_jobs);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	buf_done(&head);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
