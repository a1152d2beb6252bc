#include "base/buf.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(empty_is_the_empty_string)
{
	autobuf b = BUF(10);
	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert_ptr_null(b.p);
	buf_drop(&b, 5);
	buf_clear(&b);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(grows_and_stays_terminated)
{
	struct err e = { 0 };
	autobuf b = BUF(100000);
	for (int i = 0; i < 20000; i++)
		ck_assert_int_eq(buf_printf(&b, &e, "%d,", i % 10), 0);
	ck_assert_uint_eq(b.len, 40000);
	ck_assert_uint_eq(strlen(b.p), 40000);
	ck_assert_uint_le(b.cap, b.max + 1);
	ck_assert_int_eq(strncmp(b.p + 20, "0,1,2,", 6), 0);
}
END_TEST

START_TEST(the_limit_is_exact)
{
	struct err e = { 0 };
	autobuf b = BUF(4);
	ck_assert_int_eq(buf_str(&b, "abcd", &e), 0);
	ck_assert_int_eq(buf_char(&b, 'e', &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_str_eq(b.p, "abcd");
	ck_assert_int_eq(buf_printf(&b, &e, "%s", "x"), -1);
	ck_assert_int_eq(buf_add(&b, "xyz", 3, &e), -1);
	ck_assert_str_eq(b.p, "abcd");
	ck_assert_int_eq(buf_add(&b, NULL, 0, &e), 0);
}
END_TEST

START_TEST(a_limit_of_nothing_holds_nothing)
{
	struct err e = { 0 };
	autobuf b = BUF(0);
	ck_assert_int_eq(buf_add(&b, "", 0, &e), 0);
	ck_assert_str_eq(b.p, "");
	ck_assert_int_eq(buf_char(&b, 'x', &e), -1);
	ck_assert_int_eq(buf_reserve(&b, SIZE_MAX, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
}
END_TEST

START_TEST(bytes_may_be_anything)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	ck_assert_int_eq(buf_add(&b, "a\0b", 3, &e), 0);
	ck_assert_uint_eq(b.len, 3);
	ck_assert_int_eq(memcmp(b.p, "a\0b", 4), 0);
}
END_TEST

START_TEST(drop_takes_from_the_front)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	ck_assert_int_eq(buf_str(&b, "hello world", &e), 0);
	buf_drop(&b, 6);
	ck_assert_str_eq(b.p, "world");
	buf_drop(&b, 0);
	ck_assert_str_eq(b.p, "world");
	buf_drop(&b, 99);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(buf_cstr(&b), "");
}
END_TEST

START_TEST(clear_keeps_memory_and_done_gives_it_back)
{
	struct err e = { 0 };
	struct buf b = BUF(100);
	ck_assert_int_eq(buf_str(&b, "secret", &e), 0);
	const char *p = b.p;
	buf_clear(&b);
	ck_assert_ptr_eq(b.p, p);
	ck_assert_str_eq(b.p, "");
	ck_assert_int_eq(buf_str(&b, "again", &e), 0);
	buf_wipe(&b);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.cap, 0);
	ck_assert_uint_eq(b.max, 100);
	ck_assert_int_eq(buf_str(&b, "once more", &e), 0);
	ck_assert_str_eq(b.p, "once more");
	buf_done(&b);
	buf_done(&b);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");
	tcase_add_test(t, empty_is_the_empty_string);
	tcase_add_test(t, grows_and_stays_terminated);
	tcase_add_test(t, the_limit_is_exact);
	tcase_add_test(t, a_limit_of_nothing_holds_nothing);
	tcase_add_test(t, bytes_may_be_anything);
	tcase_add_test(t, drop_takes_from_the_front);
	tcase_add_test(t, clear_keeps_memory_and_done_gives_it_back);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
