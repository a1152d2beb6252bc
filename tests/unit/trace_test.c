#include "executor/trace.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct err e;
static struct journal journal;
static int log_fd, events_fd;

static void setup(void)
{
	err_clear(&e);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	events_fd = memfd_create("events", MFD_CLOEXEC);
	ck_assert_int_eq(fcntl(log_fd, F_SETFL, O_APPEND), 0);
	ck_assert_int_eq(journal_init(&journal, log_fd, events_fd, -1, &e), 0);
}

static void teardown(void)
{
	close(log_fd);
	close(events_fd);
}

/* What is in the log, '\0'-terminated; free it. */
static char *log_text(void)
{
	struct buf b = BUF(64 << 20);
	ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(fd_read_all(log_fd, &b, &e), 0);
	return b.p;
}

static char *through(const char *text, size_t n, size_t piece, bool timestamps)
{
	struct trace *t = trace_new(&journal, 0, timestamps, &e);
	struct trace_stream s;
	trace_stream_init(&s, t, TRACE_JOB, TRACE_OUT);
	for (size_t i = 0; i < n; i += piece)
		ck_assert_int_eq(trace_write(&s, text + i, n - i < piece ? n - i : piece, &e), 0);
	ck_assert_int_eq(trace_flush(&s, true, &e), 0);
	ck_assert_int_eq(trace_finish(t, &e), 0);
	trace_stream_done(&s);
	trace_free(t);
	return log_text();
}

START_TEST(bytes_pass_as_they_are)
{
	char *got = through("one\ntwo\nthree", 13, 5, false);
	ck_assert_str_eq(got, "one\ntwo\nthree");
	free(got);
}
END_TEST

START_TEST(invalid_utf8_is_mended_however_it_is_cut)
{
	static const char bad[] = "a\xe2\x82"
				  "b\xff\xe2\x82\xac\xf0\x9f\x98\x80\xc0\xaf\xe2\x82";
	for (size_t piece = 1; piece < sizeof bad; piece++) {
		setup();
		char *got = through(bad, sizeof bad - 1, piece, false);
		ck_assert_str_eq(
			got, "a\xef\xbf\xbd\xef\xbf\xbd"
			     "b\xef\xbf\xbd\xe2\x82\xac"
			     "\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
		free(got);
		teardown();
	}
}
END_TEST

/* Each line: 28 of time, a blank, "01O", flag. */
static void check_line(const char *line, char flag, const char *text)
{
	ck_assert_uint_ge(strlen(line), 32);
	ck_assert_int_eq(line[4], '-');
	ck_assert_int_eq(line[10], 'T');
	ck_assert_int_eq(line[26], 'Z');
	ck_assert_int_eq(strncmp(line + 27, " 01O", 4), 0);
	ck_assert_int_eq(line[31], flag);
	ck_assert_int_eq(strncmp(line + 32, text, strlen(text)), 0);
}

START_TEST(each_line_has_a_time)
{
	char *got = through("one\ntwo", 7, 1, true);
	check_line(got, ' ', "one\n");
	check_line(strchr(got, '\n') + 1, ' ', "two\n");
	ck_assert_uint_eq(strlen(got), 2 * 36);
	free(got);
}
END_TEST

START_TEST(a_redraw_and_a_long_line_go_on_with_a_plus)
{
	struct buf in = BUF(1 << 20);
	for (int i = 0; i < TRACE_LINE_MAX + 10; i++)
		ck_assert_int_eq(buf_char(&in, 'x', &e), 0);
	ck_assert_int_eq(buf_str(&in, "\n10%\r", &e), 0);
	char *got = through(in.p, in.len, in.len, true);
	check_line(got, ' ', "xxx");
	char *second = strchr(got, '\n') + 1;
	ck_assert_int_eq(second - got, 32 + TRACE_LINE_MAX + 1);
	check_line(second, '+', "xxxxxxxxxx\n");
	check_line(strchr(second, '\n') + 1, ' ', "10%\r\n");
	free(got);
	buf_done(&in);
}
END_TEST

START_TEST(a_quiet_prompt_is_flushed_and_goes_on)
{
	struct trace *t = trace_new(&journal, 0, true, &e);
	struct trace_stream s;
	trace_stream_init(&s, t, TRACE_JOB, TRACE_OUT);
	ck_assert_int_eq(trace_write(&s, "wait", 4, &e), 0);
	ck_assert_int_eq(trace_flush(&s, false, &e), 0);
	ck_assert_int_eq(trace_flush(&s, false, &e), 0);
	ck_assert_int_eq(trace_write(&s, "ed\n", 3, &e), 0);
	ck_assert_int_eq(trace_finish(t, &e), 0);
	char *got = log_text();
	check_line(got, ' ', "wait\n");
	check_line(strchr(got, '\n') + 1, '+', "ed\n");
	free(got);
	trace_stream_done(&s);
	trace_free(t);
}
END_TEST

START_TEST(a_long_log_keeps_head_and_tail_and_says_so)
{
	uint64_t limit = 2 * TRACE_TAIL;
	struct trace *t = trace_new(&journal, limit, false, &e);
	struct trace_stream s;
	trace_stream_init(&s, t, TRACE_JOB, TRACE_OUT);
	char line[64];
	size_t total = 0;
	for (int i = 0; i < 100000; i++) {
		int n = snprintf(line, sizeof line, "line %d\n", i);
		total += (size_t)n;
		ck_assert_int_eq(trace_write(&s, line, (size_t)n, &e), 0);
	}
	ck_assert_int_eq(trace_finish(t, &e), 0);
	trace_stream_done(&s);
	trace_stream_init(&s, t, TRACE_RUNNER, TRACE_OUT);
	ck_assert_int_eq(trace_write(&s, "verdict\n", 8, &e), 0);
	ck_assert_int_eq(trace_commit(t, &e), 0);
	char *got = log_text();
	ck_assert_int_eq(strncmp(got, "line 0\nline 1\n", 14), 0);
	ck_assert_ptr_nonnull(strstr(got, "Job's log exceeded limit of 524288 bytes.\n"));
	char *left = strstr(got, "[… ");
	ck_assert_ptr_nonnull(left);
	unsigned long long n = strtoull(left + strlen("[… "), NULL, 10);
	char *tail = strchr(left, '\n') + 1;
	ck_assert_int_eq(strncmp(tail, "line ", 5), 0);
	ck_assert_ptr_nonnull(strstr(tail, "line 99999\nverdict\n"));
	size_t head = limit - TRACE_TAIL, tail_len = strlen(tail) - strlen("verdict\n");
	ck_assert_uint_eq(head + n + tail_len, total); /* every byte is shown or counted */
	free(got);
	trace_stream_done(&s);
	trace_free(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace");
	TCase *t = tcase_create("trace");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, bytes_pass_as_they_are);
	tcase_add_test(t, invalid_utf8_is_mended_however_it_is_cut);
	tcase_add_test(t, each_line_has_a_time);
	tcase_add_test(t, a_redraw_and_a_long_line_go_on_with_a_plus);
	tcase_add_test(t, a_quiet_prompt_is_flushed_and_goes_on);
	tcase_add_test(t, a_long_log_keeps_head_and_tail_and_says_so);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
