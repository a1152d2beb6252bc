#include "protocol/gitlab_mark.h"
#include "protocol/gitlab_reason.h"

#include <check.h>
#include <string.h>

static struct err e;

static const struct row {
	enum gitlab_mark style;
	const char *want;
} rows[] = {
	{ GITLAB_MARK_PLAIN, "\033[0Ktext\n" },
	{ GITLAB_MARK_TITLE, "\033[0K\033[36;1mtext\033[0;m\n" },
	{ GITLAB_MARK_NOTICE, "\033[0K\033[32;1mtext\033[0;m\n" },
	{ GITLAB_MARK_WARNING, "\033[0K\033[0;33mtext\033[0;m\n" },
	{ GITLAB_MARK_ERROR, "\033[0K\033[31;1mtext\033[0;m\n" },
};

START_TEST(lines)
{
	autobuf b = BUF(100);
	ck_assert_int_eq(gitlab_mark_line(&b, rows[_i].style, "text", &e), 0);
	ck_assert_str_eq(b.p, rows[_i].want);
}
END_TEST

START_TEST(sections)
{
	autobuf b = BUF(200);
	ck_assert_int_eq(gitlab_mark_section(&b, true, "get_sources", 1700000000, &e), 0);
	ck_assert_str_eq(b.p, "section_start:1700000000:get_sources\r\033[0K");
	buf_clear(&b);
	ck_assert_int_eq(gitlab_mark_section(&b, false, "step_a b:c\n", 1, &e), 0);
	ck_assert_str_eq(b.p, "section_end:1:step_a_b_c_\r\033[0K");
	buf_clear(&b);
	ck_assert_int_eq(gitlab_mark_section_with(&b, "x", 2, "collapsed=true", &e), 0);
	ck_assert_str_eq(b.p, "section_start:2:x[collapsed=true]\r\033[0K");
	buf_clear(&b);
	ck_assert_int_eq(gitlab_mark_section_with(&b, "x", 2, "", &e), 0);
	ck_assert_str_eq(b.p, "section_start:2:x\r\033[0K");
}
END_TEST

START_TEST(limit_is_an_error)
{
	autobuf b = BUF(8);
	ck_assert_int_eq(gitlab_mark_line(&b, GITLAB_MARK_ERROR, "text", &e), -1);
	ck_assert_int_eq(gitlab_mark_section(&b, true, "x", 1, &e), -1);
}
END_TEST

static const char *const modern[] = { "job_canceled", "runner_configuration_error" };

static const struct reason_row {
	const char *reason, *old_server, *new_server;
} reasons[] = {
	{ "", "script_failure", "script_failure" },
	{ "script_failure", "script_failure", "script_failure" },
	{ "runner_system_failure", "runner_system_failure", "runner_system_failure" },
	{ "job_execution_timeout", "job_execution_timeout", "job_execution_timeout" },
	{ "image_pull_failure", "runner_system_failure", "runner_system_failure" },
	{ "runner_configuration_error", "script_failure", "runner_configuration_error" },
	{ "runner_external_dependency_failure", "runner_system_failure", "runner_system_failure" },
	{ "job_canceled", "unknown_failure", "job_canceled" },
	{ "runner_interrupted", "unknown_failure", "unknown_failure" },
	{ "never_heard_of", "unknown_failure", "unknown_failure" },
};

START_TEST(reasons_fit_the_server)
{
	const struct reason_row *r = &reasons[_i];
	struct job job = { .failure_reasons = modern, .nfailure_reasons = 2 };
	ck_assert_str_eq(gitlab_reason(r->reason, NULL), r->old_server);
	ck_assert_str_eq(gitlab_reason(r->reason, &job), r->new_server);
	job.nfailure_reasons = 0;
	ck_assert_str_eq(gitlab_reason(r->reason, &job), r->old_server);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_mark");
	TCase *t = tcase_create("mark");
	tcase_add_loop_test(t, lines, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, sections);
	tcase_add_test(t, limit_is_an_error);
	tcase_add_loop_test(t, reasons_fit_the_server, 0, sizeof reasons / sizeof *reasons);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
