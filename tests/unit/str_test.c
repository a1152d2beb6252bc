#include "base/str.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t untouched = 0xdeadbeef;

START_TEST(whole_numbers)
{
	uint64_t v = untouched;
	ck_assert(str_u64("0", 0, &v) && v == 0);
	ck_assert(str_u64("007", 10, &v) && v == 7);
	ck_assert(str_u64("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
	v = untouched;
	static const char *const bad[] = { "",
					   " 1",
					   "1 ",
					   "-1",
					   "+1",
					   "0x1",
					   "1.0",
					   "18446744073709551616",
					   "99999999999999999999999",
					   "11",
					   "1\n" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!str_u64(bad[i], i < 9 ? UINT64_MAX : 10, &v), "%s", bad[i]);
	ck_assert_uint_eq(v, untouched);
}
END_TEST

struct value {
	const char *text;
	uint64_t want;
};

START_TEST(durations_as_people_write_them)
{
	static const struct value good[] = {
		{ "0", 0 },
		{ "90", 90000 },
		{ "0s", 0 },
		{ "250ms", 250 },
		{ "1.5s", 1500 },
		{ "15m", 900000 },
		{ "1h30m", 5400000 },
		{ "1h0m0.25s", 3600250 },
		{ "2d", 172800000 },
		{ "1500us", 1 },
		{ ".5s", 500 },
		{ "1.0009s", 1000 },
		{ "3650d", 315360000000 },
	};
	uint64_t v;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		v = untouched;
		ck_assert_msg(str_duration(good[i].text, 1000, &v), "%s", good[i].text);
		ck_assert_msg(v == good[i].want, "%s: %lu", good[i].text, (unsigned long)v);
	}
	ck_assert(str_duration("5", 60000, &v) && v == 300000);
}
END_TEST

START_TEST(durations_that_are_none)
{
	static const char *const bad[] = { "",
					   "s",
					   ".",
					   "1x",
					   "1 h",
					   "-1s",
					   "1..5s",
					   "1h30",
					   "1hs",
					   "3653d",
					   "999999999999999999999s",
					   "99999999999999h",
					   "18446744073709551615d",
					   "1.5",
					   "1H",
					   "315576000001" };
	uint64_t v = untouched;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!str_duration(bad[i], 1000, &v), "%s", bad[i]);
	ck_assert(!str_duration("315576001", 1000, &v));
	ck_assert_uint_eq(v, untouched);
}
END_TEST

START_TEST(sizes_as_people_write_them)
{
	static const struct value good[] = {
		{ "0", 0 },           { "4", 4096 },
		{ "512B", 512 },      { "64KiB", 65536 },
		{ "4MiB", 4194304 },  { "1GiB", 1073741824 },
		{ "10MB", 10000000 }, { "10 kB", 10000 },
		{ "1.5K", 1536 },     { "2TiB", 2199023255552 },
		{ "0.5B", 0 },
	};
	uint64_t v;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		v = untouched;
		ck_assert_msg(str_size(good[i].text, 1024, &v), "%s", good[i].text);
		ck_assert_msg(v == good[i].want, "%s: %lu", good[i].text, (unsigned long)v);
	}
	static const char *const bad[] = {
		"",    "KiB", "-1K", "1KB2", "1 ", "1kib", "99999999999TiB", "18446744073709551615",
		"1e3", "1.5"
	};
	v = untouched;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!str_size(bad[i], 1024, &v), "%s", bad[i]);
	ck_assert_uint_eq(v, untouched);
}
END_TEST

START_TEST(truth_has_many_names)
{
	static const char *const yes[] = { "true", "True", "T", "yes", "ON", "1" };
	static const char *const no[] = { "false", "F", "No", "off", "0" };
	static const char *const neither[] = { "", "2", "y", "n", "tru", "true " };
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		bool b = false;
		ck_assert_msg(str_bool(yes[i], &b) && b, "%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		bool b = true;
		ck_assert_msg(str_bool(no[i], &b) && !b, "%s", no[i]);
	}
	for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
		bool b = true;
		ck_assert_msg(!str_bool(neither[i], &b) && b, "%s", neither[i]);
	}
}
END_TEST

START_TEST(durations_as_go_prints_them)
{
	static const struct value shown[] = {
		{ "0s", 0 },
		{ "1ms", 1 },
		{ "999ms", 999 },
		{ "1s", 1000 },
		{ "2.5s", 2500 },
		{ "1.001s", 1001 },
		{ "1m0s", 60000 },
		{ "1m30s", 90000 },
		{ "1h0m0s", 3600000 },
		{ "15m0.05s", 900050 },
		{ "240h0m0s", 864000000 },
	};
	char out[32];
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		str_duration_text(shown[i].want, out, sizeof out);
		ck_assert_str_eq(out, shown[i].text);
	}
	str_duration_text(UINT64_MAX, out, sizeof out);
	ck_assert_str_eq(out, "5124095576030h25m51.615s");
	ck_assert_str_eq(str_num(out, UINT64_MAX), "18446744073709551615");
}
END_TEST

START_TEST(beginnings_and_ends)
{
	ck_assert(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
	ck_assert(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("bc", "abc"));
	ck_assert(!str_starts("abc", "b") && !str_ends("abc", "b"));
	ck_assert(str_is_printable("a \xc3\xa9", 4) && str_is_printable("", 0));
	ck_assert(!str_is_printable("a\n", 2) && !str_is_printable("a\0", 2));
	ck_assert(!str_is_printable("\x7f", 1) && str_is_printable("a\n", 1));
}
END_TEST

START_TEST(did_you_mean)
{
	static const char *const names[] = { "concurrent", "check_interval", "limit" };
	ck_assert_str_eq(str_nearest("concurent", names, 3), "concurrent");
	ck_assert_str_eq(str_nearest("checkinterval", names, 3), "check_interval");
	ck_assert_str_eq(str_nearest("limit", names, 3), "limit");
	ck_assert_str_eq(str_nearest("lmiit", names, 3), "limit");
	ck_assert_ptr_null(str_nearest("token", names, 3));
	ck_assert_ptr_null(str_nearest("", names, 3));
	ck_assert_ptr_null(str_nearest("limit", names, 0));
	char big[200];
	memset(big, 'l', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	ck_assert_ptr_null(str_nearest(big, names, 3));
	const char *const only_big[] = { big };
	ck_assert_ptr_null(str_nearest("limit", only_big, 1));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("str");
	TCase *t = tcase_create("str");
	tcase_add_test(t, whole_numbers);
	tcase_add_test(t, durations_as_people_write_them);
	tcase_add_test(t, durations_that_are_none);
	tcase_add_test(t, sizes_as_people_write_them);
	tcase_add_test(t, truth_has_many_names);
	tcase_add_test(t, durations_as_go_prints_them);
	tcase_add_test(t, beginnings_and_ends);
	tcase_add_test(t, did_you_mean);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
