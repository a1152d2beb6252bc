#include "base/log.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int saved = -1, sink = -1;

/* What is written to stderr from here to captured() goes to a memory file. */
static void capture(void)
{
	fflush(stderr);
	sink = memfd_create("stderr", MFD_CLOEXEC);
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	ck_assert(sink >= 0 && saved >= 0);
	ck_assert_int_ge(dup2(sink, STDERR_FILENO), 0);
}

static void captured(struct buf *ret)
{
	struct err e = { 0 };
	dup2(saved, STDERR_FILENO);
	fd_close(&saved);
	ck_assert_int_eq(lseek(sink, 0, SEEK_SET), 0);
	int r = fd_read_all(sink, ret, &e);
	fd_close(&sink);
	ck_assert_int_eq(r, 0);
}

START_TEST(a_line_is_logfmt)
{
	autobuf out = BUF(10000);
	log_setup("worker");
	capture();
	log_info("job started", "job", "42", "ref", "a \"b\"\nc", "none", NULL, "empty", "", NULL);
	captured(&out);
	ck_assert_int_eq(strncmp(out.p, "time=20", 7), 0);
	const char *level = strchr(out.p, ' ');
	ck_assert_ptr_nonnull(level);
	ck_assert_str_eq(level, " level=info role=worker msg=\"job started\" job=42"
				" ref=\"a \\\"b\\\"\\nc\" empty=\"\"\n");
}
END_TEST

START_TEST(levels_below_are_silent)
{
	autobuf out = BUF(10000);
	log_setup("courser");
	log_choose(LOG_WARNING, LOG_LOGFMT);
	capture();
	log_debug("one", NULL);
	log_info("two", NULL);
	log_warn("three", NULL);
	log_error("four", NULL);
	captured(&out);
	ck_assert_ptr_null(strstr(out.p, "one"));
	ck_assert_ptr_null(strstr(out.p, "two"));
	ck_assert_ptr_nonnull(strstr(out.p, "level=warning role=courser msg=three\n"));
	ck_assert_ptr_nonnull(strstr(out.p, "level=error role=courser msg=four\n"));
}
END_TEST

START_TEST(a_long_line_is_cut_and_stays_one_line)
{
	char big[9000];
	autobuf out = BUF(20000);
	memset(big, 'x', sizeof big - 1);
	for (size_t i = 0; i < sizeof big - 1; i += 10)
		big[i] = '\n';
	big[sizeof big - 1] = '\0';
	log_setup("courser");
	capture();
	log_info("big", "value", big, "after", "1", NULL);
	captured(&out);
	ck_assert_uint_eq(out.len, 4096);
	ck_assert_ptr_eq(strchr(out.p, '\n'), out.p + out.len - 1);
}
END_TEST

START_TEST(a_line_is_json)
{
	char big[9000];
	autobuf out = BUF(20000);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	log_setup("worker");
	log_choose(LOG_INFO, LOG_JSON);
	capture();
	log_info("a \"b\"\n", "job", "42", "none", NULL, "bad", "\xff", NULL);
	log_warn("big", "first", "1", "value", big, "after", "2", NULL);
	captured(&out);
	ck_assert_int_eq(strncmp(out.p, "{\"time\":\"20", 11), 0);
	char *first = strchr(out.p, ','), *second = strchr(out.p, '\n');
	ck_assert(first && second);
	*second++ = '\0';
	ck_assert_str_eq(first,
			 ",\"level\":\"info\",\"role\":\"worker\",\"msg\":\"a \\\"b\\\"\\n\","
			 "\"job\":\"42\",\"bad\":\"\xef\xbf\xbd\"}");
	ck_assert_ptr_nonnull(strstr(second, ",\"msg\":\"big\",\"first\":\"1\"}\n"));
}
END_TEST

START_TEST(a_role_learns_what_was_chosen)
{
	autobuf out = BUF(10000);
	log_choose(LOG_DEBUG, LOG_JSON);
	char *was = strdup(log_environment());
	ck_assert_str_eq(was, "COURSER_LOG=debug,json");
	log_choose(LOG_INFO, LOG_LOGFMT);
	ck_assert_int_eq(putenv(was), 0);
	log_setup("fetcher");
	capture();
	log_debug("one", NULL);
	captured(&out);
	ck_assert_ptr_nonnull(
		strstr(out.p, ",\"level\":\"debug\",\"role\":\"fetcher\",\"msg\":\"one\"}\n"));
	ck_assert_int_eq(unsetenv("COURSER_LOG"), 0);
	free(was);
	ck_assert_int_eq(setenv("COURSER_LOG", "loud,json", 1), 0);
	log_setup("fetcher");
	ck_assert_str_eq(log_environment(), "COURSER_LOG=debug,json");
}
END_TEST

START_TEST(formats_have_names)
{
	enum log_format f = LOG_LOGFMT;
	ck_assert(log_format_named("JSON", &f) && f == LOG_JSON);
	ck_assert(log_format_named("logfmt", &f) && f == LOG_LOGFMT);
	ck_assert(!log_format_named("text", &f) && f == LOG_LOGFMT);
}
END_TEST

START_TEST(levels_have_names)
{
	static const char *const names[] = { "debug", "INFO", "warn", "Warning", "error" };
	static const enum log_level want[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_WARNING,
					       LOG_ERROR };
	enum log_level l;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ck_assert(log_level_named(names[i], &l));
		ck_assert_int_eq((int)l, (int)want[i]);
	}
	ck_assert(!log_level_named("", &l));
	ck_assert(!log_level_named("trace", &l));
	ck_assert_int_eq((int)l, LOG_ERROR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	tcase_add_test(t, a_line_is_logfmt);
	tcase_add_test(t, levels_below_are_silent);
	tcase_add_test(t, a_long_line_is_cut_and_stays_one_line);
	tcase_add_test(t, a_line_is_json);
	tcase_add_test(t, a_role_learns_what_was_chosen);
	tcase_add_test(t, levels_have_names);
	tcase_add_test(t, formats_have_names);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
