#include "base/rest.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DEEP = 96 << 10, MINE = 16 << 10, PIECES = 64, PIECE = 16 << 10 };

/* How many of the n pages from the first whole one at p have memory. */
static unsigned resident(uintptr_t p, unsigned n)
{
	unsigned char there[64] = { 0 };
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned count = 0;
	p = (p + page - 1) & ~(page - 1);
	ck_assert_uint_le(n, sizeof there);
	ck_assert_int_eq(mincore((void *)p, n * page, there), 0);
	for (unsigned i = 0; i < n; i++)
		count += there[i] & 1;
	return count;
}

/* Use DEEP bytes of stack; the lowest address of them, more or less. */
static __attribute__((noinline)) uintptr_t use_deep(void)
{
	volatile char much[DEEP];
	for (size_t i = 0; i < sizeof much; i++)
		much[i] = (char)i;
	return (uintptr_t)__builtin_frame_address(0) - DEEP;
}

START_TEST(the_stack_below_goes_and_the_frames_stay)
{
	volatile unsigned char mine[MINE];
	for (size_t i = 0; i < sizeof mine; i++)
		mine[i] = (unsigned char)(i * 7);
	uintptr_t below = use_deep();
	ck_assert_uint_eq(resident(below, 8), 8);
	rest();
	ck_assert_uint_eq(resident(below, 8), 0);
	for (size_t i = 0; i < sizeof mine; i++)
		ck_assert_uint_eq(mine[i], (unsigned char)(i * 7));
	ck_assert_uint_eq(use_deep(), below);
}
END_TEST

#ifndef COURSER_SANITIZED /* whose heap keeps what was freed, to find who still uses it */
START_TEST(holes_in_the_heap_go_and_the_rest_stays)
{
	char *pieces[PIECES];
	for (unsigned i = 0; i < PIECES; i++) {
		pieces[i] = malloc(PIECE);
		ck_assert_ptr_nonnull(pieces[i]);
		memset(pieces[i], (int)i, PIECE);
	}
	uintptr_t hole = (uintptr_t)pieces[20];
	for (unsigned i = 10; i < 30; i++)
		free(pieces[i]);
	ck_assert_uint_eq(resident(hole, 3), 3);
	rest();
	ck_assert_uint_eq(resident(hole, 3), 0);
	for (unsigned i = 0; i < PIECES; i++) {
		if (i >= 10 && i < 30)
			continue;
		for (unsigned at = 0; at < PIECE; at++)
			ck_assert_int_eq(pieces[i][at], (char)i);
		free(pieces[i]);
	}
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("rest");
	TCase *t = tcase_create("rest");
	tcase_add_test(t, the_stack_below_goes_and_the_frames_stay);
#ifndef COURSER_SANITIZED
	tcase_add_test(t, holes_in_the_heap_go_and_the_rest_stays);
#endif
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
