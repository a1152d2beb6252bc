#include "base/clock.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

START_TEST(monotonic_never_goes_back)
{
	uint64_t ms = clock_ms(), us = clock_us();
	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_us();
		ck_assert_uint_ge(now, us);
		us = now;
	}
	ck_assert_uint_ge(clock_ms(), ms);
	ck_assert_uint_le(us / 1000 - ms, 60000);
}
END_TEST

START_TEST(wall_is_the_time_of_day)
{
	uint64_t s = clock_wall_us() / 1000000, now = (uint64_t)time(NULL);
	ck_assert_uint_le(s > now ? s - now : now - s, 2);
}
END_TEST

START_TEST(text_is_rfc_3339_in_utc)
{
	char out[CLOCK_TEXT];
	clock_text(0, out);
	ck_assert_str_eq(out, "1970-01-01T00:00:00.000000Z");
	clock_text(1769903999123456, out);
	ck_assert_str_eq(out, "2026-01-31T23:59:59.123456Z");
	clock_text(951782400000001, out);
	ck_assert_str_eq(out, "2000-02-29T00:00:00.000001Z");
}
END_TEST

START_TEST(jitter_is_below_and_spread)
{
	bool seen[8] = { false };
	ck_assert_uint_eq(clock_jitter(0), 0);
	ck_assert_uint_eq(clock_jitter(1), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t j = clock_jitter(8);
		ck_assert_uint_lt(j, 8);
		seen[j] = true;
	}
	for (int i = 0; i < 8; i++)
		ck_assert(seen[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clock");
	TCase *t = tcase_create("clock");
	tcase_add_test(t, monotonic_never_goes_back);
	tcase_add_test(t, wall_is_the_time_of_day);
	tcase_add_test(t, text_is_rfc_3339_in_utc);
	tcase_add_test(t, jitter_is_below_and_spread);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
