#include "base/pages.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(pages_are_zeroed_and_dropped)
{
	struct err e = { 0 };
	static const char zeros[10000];
	struct pages g;
	ck_assert_int_eq(pages_map(&g, sizeof zeros, &e), 0);
	ck_assert_uint_eq(g.size, sizeof zeros);
	ck_assert_mem_eq(g.p, zeros, sizeof zeros);
	memset(g.p, 'x', g.size);
	pages_drop(&g);
	ck_assert_mem_eq(g.p, zeros, sizeof zeros);
	pages_done(&g);
	ck_assert_ptr_null(g.p);
	pages_drop(&g);
	pages_done(&g);
}
END_TEST

START_TEST(a_file_is_a_private_copy)
{
	struct err e = { 0 };
	autofd fd = fd_sealed("pages", "content", 7, &e);
	struct pages g, again;
	ck_assert_int_eq(pages_map_file(&g, fd, &e), 0);
	ck_assert_uint_eq(g.size, 7);
	ck_assert_mem_eq(g.p, "content", 7);
	g.p[0] = 'X';
	ck_assert_int_eq(pages_map_file(&again, fd, &e), 0);
	ck_assert_mem_eq(again.p, "content", 7);
	pages_done(&g);
	pages_done(&again);
}
END_TEST

START_TEST(an_empty_file_is_no_memory)
{
	struct err e = { 0 };
	autofd fd = fd_sealed("pages", "", 0, &e);
	struct pages g;
	ck_assert_int_eq(pages_map_file(&g, fd, &e), 0);
	ck_assert_ptr_null(g.p);
	ck_assert_uint_eq(g.size, 0);
}
END_TEST

START_TEST(what_cannot_be_had_is_an_error)
{
	struct err e = { 0 };
	struct pages g;
	volatile size_t all = (size_t)-1 / 2;
	ck_assert_int_eq(pages_map(&g, all, &e), -1);
	ck_assert_int_eq(e.code, ENOMEM);
	ck_assert_ptr_null(g.p);
	ck_assert_int_eq(pages_map_file(&g, -1, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
	ck_assert_ptr_null(g.p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pages");
	TCase *t = tcase_create("pages");
	tcase_add_test(t, pages_are_zeroed_and_dropped);
	tcase_add_test(t, a_file_is_a_private_copy);
	tcase_add_test(t, an_empty_file_is_no_memory);
	tcase_add_test(t, what_cannot_be_had_is_an_error);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
