#include "protocol/gitlab_trace.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct gitlab_trace t;
static uint64_t now;

static void setup(void)
{
	now = 1000000;
	t = (struct gitlab_trace){ 0 };
	gitlab_trace_init(&t, 0, now);
}

static struct gitlab_next next(void)
{
	return gitlab_trace_next(&t, now);
}

/* Answer what is due with a status and header lines. */
static enum gitlab_news answer(int status, const char *headers)
{
	struct err e = { 0 };
	autobuf head = BUF(1000);
	ck_assert_int_eq(buf_printf(&head, &e, "HTTP/1.1 %d X\r\n%s\r\n", status, headers), 0);
	struct http_reply r = {
		.status = status, .error = status ? "" : "host: gone", .body = "", .headers = &head
	};
	struct gitlab_next asked = next();
	ck_assert(asked.todo == GITLAB_SEND || asked.todo == GITLAB_ALIVE ||
		  asked.todo == GITLAB_FINAL);
	return gitlab_trace_heard(&t, now, &asked, &r);
}

static void expect(enum gitlab_todo todo, uint64_t off, uint64_t len)
{
	struct gitlab_next n = next();
	ck_assert_int_eq(n.todo, todo);
	ck_assert_uint_eq(n.off, off);
	ck_assert_uint_eq(n.len, len);
}

/* Let time pass to when something is due, at most `ms`. */
static void pass_to_due(uint64_t ms)
{
	struct gitlab_next n = next();
	ck_assert_int_eq(n.todo, GITLAB_WAIT);
	ck_assert_uint_ne(n.at_ms, 0);
	ck_assert_uint_le(n.at_ms, now + ms);
	now = n.at_ms;
}

START_TEST(first_bytes_go_at_once)
{
	t.size = 10;
	expect(GITLAB_SEND, 0, 10);
	answer(202, "");
	t.size = 15;
	expect(GITLAB_SEND, 10, 5);
}
END_TEST

/* So many acknowledged pieces that the first, faster ones are over. */
static void settle(const char *headers)
{
	for (int i = 0; i < 10; i++) {
		t.size += 1;
		while (next().todo == GITLAB_WAIT)
			now = next().at_ms;
		answer(202, headers);
	}
}

START_TEST(then_every_second_while_watched)
{
	settle("X-GitLab-Trace-Update-Interval: 3\r\n");
	t.size += 5;
	struct gitlab_next n = next();
	ck_assert_int_eq(n.todo, GITLAB_WAIT);
	ck_assert_uint_eq(n.at_ms, now + 1000);
	now = n.at_ms;
	expect(GITLAB_SEND, 10, 5);
}
END_TEST

START_TEST(then_as_the_server_says_but_never_silent)
{
	static const struct {
		const char *text;
		uint64_t wait;
	} rows[] = {
		{ "10", 10000 }, { "60", 30000 }, { "9999999", 30000 }, { "0", 1000 },
		{ "-5", 1000 },  { "abc", 1000 }, { "1", 1000 },        { "", 1000 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char header[80];
		setup();
		snprintf(header, sizeof header, "X-GitLab-Trace-Update-Interval: %s\r\n",
			 rows[i].text);
		settle(header);
		t.size += 5;
		ck_assert_uint_eq(next().at_ms, now + rows[i].wait);
	}
}
END_TEST

START_TEST(what_is_behind_goes_back_to_back)
{
	settle("X-GitLab-Trace-Update-Interval: 60\r\n");
	t.size = 10 + 5 * GITLAB_CHUNK / 2;
	expect(GITLAB_SEND, 10, GITLAB_CHUNK);
	answer(202, "");
	expect(GITLAB_SEND, 10 + GITLAB_CHUNK, GITLAB_CHUNK);
	answer(202, "");
	ck_assert_int_eq(next().todo, GITLAB_WAIT);
}
END_TEST

START_TEST(a_quiet_job_gives_signs_of_life)
{
	struct gitlab_next n = next();
	ck_assert_int_eq(n.todo, GITLAB_WAIT);
	ck_assert_uint_eq(n.at_ms, now + GITLAB_WATCHED_SILENCE_MS);
	now = n.at_ms;
	expect(GITLAB_ALIVE, 0, 0);
	ck_assert_int_eq(answer(200, "X-GitLab-Trace-Update-Interval: 60\r\n"), GITLAB_NO_NEWS);
	ck_assert_uint_eq(next().at_ms, now + GITLAB_SILENCE_MS);
}
END_TEST

START_TEST(a_416_is_followed)
{
	t.size = 100;
	answer(202, "");
	t.size = 200;
	answer(416, "Range: 0-40\r\n");
	expect(GITLAB_SEND, 40, 160);
	answer(416, "Range: 0-5000\r\n"); /* more than there is */
	ck_assert_uint_eq(t.sent, 200);
	ck_assert_int_eq(next().todo, GITLAB_WAIT);
}
END_TEST

START_TEST(a_416_without_range_starts_over)
{
	t.size = 100;
	answer(202, "");
	t.size = 200;
	answer(416, "");
	expect(GITLAB_SEND, 0, 200);
}
END_TEST

START_TEST(a_416_that_changes_nothing_is_a_failure)
{
	t.size = 100;
	answer(416, "Range: 0-0\r\n");
	pass_to_due(1000);
	for (int i = 0; i < 3; i++) { /* to and fro for ever: slower and slower */
		answer(416, "Range: 0-7\r\n");
		while (next().todo == GITLAB_WAIT)
			now = next().at_ms;
		answer(416, "Range: 0-0\r\n");
		while (next().todo == GITLAB_WAIT)
			now = next().at_ms;
	}
	ck_assert_uint_ge(now - 1000000, 1500);
}
END_TEST

START_TEST(failures_wait_longer_and_longer)
{
	static const int statuses[] = { 0, 500, 302, 200, 418 };
	t.size = 1;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		answer(statuses[i], "");
		uint64_t least = 500u << i;
		ck_assert_uint_ge(next().at_ms, now + least);
		pass_to_due(2 * least);
		expect(GITLAB_SEND, 0, 1);
	}
	for (int i = 0; i < 30; i++) {
		answer(503, "");
		pass_to_due(30000);
	}
	answer(202, "");
	ck_assert_uint_eq(t.sent, 1);
}
END_TEST

START_TEST(a_404_ends_the_log_but_not_the_job)
{
	t.size = 10;
	ck_assert_int_eq(answer(404, ""), GITLAB_NO_NEWS);
	pass_to_due(GITLAB_SILENCE_MS);
	expect(GITLAB_ALIVE, 0, 0);
	ck_assert_int_eq(answer(404, ""), GITLAB_ABORT);
	ck_assert_uint_eq(next().at_ms, 0);
}
END_TEST

START_TEST(canceling_is_said_once)
{
	t.size = 1;
	ck_assert_int_eq(answer(202, "Job-Status: canceling\r\n"), GITLAB_CANCEL);
	t.size = 2;
	ck_assert_int_eq(answer(202, "Job-Status: canceling\r\n"), GITLAB_NO_NEWS);
	t.size = 3;
	ck_assert_int_eq(answer(202, "Job-Status: canceled\r\n"), GITLAB_ABORT);
	ck_assert_int_eq(next().todo, GITLAB_WAIT);
	t.size = 5 * GITLAB_CHUNK;
	ck_assert_int_eq(next().todo, GITLAB_WAIT);
	t.ended = true;
	expect(GITLAB_FINAL, 2, 0);
	ck_assert_int_eq(answer(403, "Job-Status: canceled\r\n"), GITLAB_NO_NEWS);
	ck_assert(t.over && t.delivered);
}
END_TEST

START_TEST(a_403_is_an_abort)
{
	t.size = 1;
	ck_assert_int_eq(answer(403, ""), GITLAB_ABORT);
}
END_TEST

static void end_with(uint64_t size)
{
	t.size = size;
	t.ended = true;
	while (next().todo == GITLAB_SEND)
		answer(202, "");
}

START_TEST(the_end_is_log_then_state)
{
	settle("X-GitLab-Trace-Update-Interval: 60\r\n");
	end_with(3 * GITLAB_CHUNK);
	expect(GITLAB_FINAL, 3 * GITLAB_CHUNK, 0);
	answer(200, "Job-Status: failed\r\n");
	ck_assert_int_eq(next().todo, GITLAB_OVER);
	ck_assert(t.delivered);
}
END_TEST

START_TEST(a_202_is_asked_again_for_half_an_hour)
{
	end_with(1);
	answer(202, "");
	pass_to_due(3000);
	expect(GITLAB_FINAL, 1, 0);
	uint64_t start = now;
	while (!t.over) {
		answer(202, "");
		if (!t.over)
			pass_to_due(3000);
	}
	ck_assert(!t.delivered);
	ck_assert_uint_ge(now - start, 1790 * 1000);
	ck_assert_str_ne(t.text, "");
}
END_TEST

START_TEST(a_412_sends_all_again)
{
	end_with(10);
	answer(412, "");
	pass_to_due(1000);
	expect(GITLAB_SEND, 0, 10);
	answer(202, "");
	expect(GITLAB_FINAL, 10, 0);
	answer(200, "");
	ck_assert(t.delivered);
}
END_TEST

START_TEST(a_412_for_ever_ends)
{
	end_with(10);
	for (int i = 0; i < 100 && !t.over; i++) {
		while (next().todo == GITLAB_WAIT)
			now = next().at_ms;
		answer(next().todo == GITLAB_SEND ? 202 : 412, "");
	}
	ck_assert(t.over && !t.delivered);
}
END_TEST

START_TEST(the_result_is_tried_ten_times)
{
	end_with(1);
	unsigned tries = 0;
	uint64_t start = now;
	while (!t.over) {
		while (next().todo == GITLAB_WAIT)
			now = next().at_ms;
		answer(tries % 2 ? 0 : 500, "");
		tries++;
	}
	ck_assert_uint_eq(tries, GITLAB_FINAL_TRIES);
	ck_assert(!t.delivered);
	ck_assert_uint_ge(now - start, 255 * 1000);
	ck_assert_str_ne(t.text, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_trace");
	TCase *c = tcase_create("log and state");
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, first_bytes_go_at_once);
	tcase_add_test(c, then_every_second_while_watched);
	tcase_add_test(c, then_as_the_server_says_but_never_silent);
	tcase_add_test(c, what_is_behind_goes_back_to_back);
	tcase_add_test(c, a_quiet_job_gives_signs_of_life);
	tcase_add_test(c, a_416_is_followed);
	tcase_add_test(c, a_416_without_range_starts_over);
	tcase_add_test(c, a_416_that_changes_nothing_is_a_failure);
	tcase_add_test(c, failures_wait_longer_and_longer);
	tcase_add_test(c, a_404_ends_the_log_but_not_the_job);
	tcase_add_test(c, canceling_is_said_once);
	tcase_add_test(c, a_403_is_an_abort);
	tcase_add_test(c, the_end_is_log_then_state);
	tcase_add_test(c, a_202_is_asked_again_for_half_an_hour);
	tcase_add_test(c, a_412_sends_all_again);
	tcase_add_test(c, a_412_for_ever_ends);
	tcase_add_test(c, the_result_is_tried_ten_times);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
