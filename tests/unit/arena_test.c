#include "base/arena.h"

#include <check.h>
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(memory_is_zeroed_and_aligned)
{
	struct err e = { 0 };
	struct arena a = ARENA(1 << 20);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(&a, n, &e);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, n);
	}
	arena_done(&a);
	ck_assert_uint_eq(a.used, 0);
	ck_assert_ptr_null(a.head);
}
END_TEST

START_TEST(the_limit_is_exact)
{
	struct err e = { 0 };
	struct arena a = ARENA(100);
	ck_assert_ptr_nonnull(arena_alloc(&a, 60, &e));
	ck_assert_ptr_null(arena_alloc(&a, 41, &e));
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_ptr_nonnull(arena_alloc(&a, 40, &e));
	ck_assert_ptr_null(arena_alloc(&a, 1, &e));
	ck_assert_ptr_nonnull(arena_alloc(&a, 0, &e));
	arena_done(&a);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100, &e));
	arena_done(&a);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
	struct err e = { 0 };
	struct arena a = ARENA(SIZE_MAX);
	ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 3, &e));
	ck_assert_int_eq(e.code, E2BIG);
	volatile size_t huge = SIZE_MAX - 8;
	ck_assert_ptr_null(arena_alloc(&a, huge, &e));
	ck_assert_ptr_nonnull(arena_array(&a, 10, 8, &e));
	arena_done(&a);
}
END_TEST

START_TEST(text_is_copied)
{
	struct err e = { 0 };
	struct arena a = ARENA(100000);
	char from[] = "hello";
	char *s = arena_strdup(&a, from, &e);
	from[0] = 'X';
	ck_assert_str_eq(s, "hello");
	ck_assert_str_eq(arena_strndup(&a, "abcdef", 3, &e), "abc");
	ck_assert_str_eq(arena_strndup(&a, "", 0, &e), "");
	ck_assert_str_eq(arena_printf(&a, &e, "%d-%s", 7, "x"), "7-x");
	char *wide = arena_printf(&a, &e, "%50000d", 1);
	ck_assert_uint_eq(strlen(wide), 50000);
	ck_assert_str_eq(s, "hello");
	ck_assert_ptr_null(arena_printf(&a, &e, "%60000d", 1));
	ck_assert_int_eq(e.code, E2BIG);
	arena_done(&a);
}
END_TEST

START_TEST(objects_have_their_type)
{
	struct point {
		double x, y;
	};
	struct err e = { 0 };
	struct arena a = ARENA(1000);
	struct point *p = arena_new(&a, struct point, &e);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(a.used, sizeof *p);
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");
	tcase_add_test(t, memory_is_zeroed_and_aligned);
	tcase_add_test(t, the_limit_is_exact);
	tcase_add_test(t, sizes_that_overflow_are_refused);
	tcase_add_test(t, text_is_copied);
	tcase_add_test(t, objects_have_their_type);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
