#include "base/err.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(set_keeps_code_and_text)
{
	struct err e = { 0 };
	ck_assert_int_eq(err_set(&e, ENOENT, "job %d", 42), -1);
	ck_assert_int_eq(e.code, ENOENT);
	ck_assert_str_eq(e.msg, "job 42");
}
END_TEST

START_TEST(a_failure_always_has_a_code)
{
	struct err e = { 0 };
	ck_assert_int_eq(err_set(&e, 0, "odd"), -1);
	ck_assert_int_eq(e.code, EIO);
	errno = 0;
	ck_assert_int_eq(err_sys(&e, "odd"), -1);
	ck_assert_int_eq(e.code, EIO);
}
END_TEST

START_TEST(sys_adds_the_meaning_of_errno)
{
	struct err e = { 0 };
	errno = EACCES;
	ck_assert_int_eq(err_sys(&e, "open %s", "x"), -1);
	ck_assert_int_eq(e.code, EACCES);
	ck_assert_str_eq(e.msg, "open x: Permission denied");
}
END_TEST

START_TEST(wrap_reads_from_the_outside_in)
{
	struct err e = { 0 };
	err_set(&e, ETIMEDOUT, "timed out");
	ck_assert_int_eq(err_wrap(&e, "connect %s", "host"), -1);
	err_wrap(&e, "job %d", 7);
	ck_assert_int_eq(e.code, ETIMEDOUT);
	ck_assert_str_eq(e.msg, "job 7: connect host: timed out");
}
END_TEST

START_TEST(what_does_not_fit_loses_its_tail)
{
	struct err e = { 0 };
	char big[2000];
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&e, EINVAL, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	err_wrap(&e, "outer");
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	ck_assert_int_eq(strncmp(e.msg, "outer: xxx", 10), 0);
	err_wrap(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	errno = ENOMEM;
	err_sys(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	ck_assert_int_eq(e.code, ENOMEM);
}
END_TEST

START_TEST(clear_is_nothing_failed)
{
	struct err e = { 0 };
	err_set(&e, EINVAL, "x");
	err_clear(&e);
	ck_assert_int_eq(e.code, 0);
	ck_assert_str_eq(e.msg, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");
	tcase_add_test(t, set_keeps_code_and_text);
	tcase_add_test(t, a_failure_always_has_a_code);
	tcase_add_test(t, sys_adds_the_meaning_of_errno);
	tcase_add_test(t, wrap_reads_from_the_outside_in);
	tcase_add_test(t, what_does_not_fit_loses_its_tail);
	tcase_add_test(t, clear_is_nothing_failed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
