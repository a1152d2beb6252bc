#include "executor/denials.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct denials d;

static const char *text(void)
{
	static struct buf b = BUF(4096);
	struct err e = { 0 };
	b.len = 0;
	ck_assert_int_eq(denials_text(&d, &b, &e), 0);
	return buf_cstr(&b);
}

static void begin(void)
{
	d = (struct denials){ 0 };
}

START_TEST(each_call_is_counted)
{
	ck_assert_str_eq(text(), "");
	denials_add(&d, "perf_event_open");
	ck_assert_str_eq(text(), "perf_event_open, once");
	denials_add(&d, "mount");
	denials_add(&d, "perf_event_open");
	denials_add(&d, "perf_event_open");
	ck_assert_str_eq(text(), "perf_event_open, 3 times; mount, once");
	ck_assert_uint_eq(d.total, 4);
}
END_TEST

START_TEST(there_is_room_for_some_names)
{
	for (int i = 0; i < DENIALS_CALLS + 3; i++) {
		char call[SANDBOX_CALL];
		snprintf(call, sizeof call, "call %d", i);
		denials_add(&d, call);
	}
	denials_add(&d, "call 0");
	ck_assert_uint_eq(d.n, DENIALS_CALLS);
	ck_assert_uint_eq(d.total, DENIALS_CALLS + 4);
	ck_assert_ptr_nonnull(strstr(text(), "call 0, 2 times; call 1, once;"));
	ck_assert_ptr_nonnull(strstr(text(), "call 15, once; other calls, 3 times"));
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	denials_add(&d, "a_call_of_a_name_that_is_longer_than_its_room");
	ck_assert_str_eq(text(), "a_call_of_a_name_that_is_longer, once");
}
END_TEST

START_TEST(the_end_of_counting_is_said)
{
	for (int i = 0; i < DENIALS_MAX; i++)
		denials_add(&d, "bpf");
	ck_assert_str_eq(text(), "bpf, 4096 times; further ones were not counted");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("denials");
	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_test(t, each_call_is_counted);
	tcase_add_test(t, there_is_room_for_some_names);
	tcase_add_test(t, a_long_name_is_cut);
	tcase_add_test(t, the_end_of_counting_is_said);
	Suite *s = suite_create("denials");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
