#include "base/str.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct form {
	const char *plain;
	size_t n;
	const char *want;
};

START_TEST(json_escapes)
{
	static const struct form forms[] = {
		{ "", 0, "\"\"" },
		{ "plain", 5, "\"plain\"" },
		{ "\"\\/", 3, "\"\\\"\\\\/\"" },
		{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", 3, "\"\\u0001\\u001f\\u007f\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\xc3\xa9\xe2\x82\xac", 5, "\"\xc3\xa9\xe2\x82\xac\"" },
		{ "\xff", 1, "\"\xef\xbf\xbd\"" },
		{ "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct err e = { 0 };
		autobuf b = BUF(200);
		ck_assert_int_eq(str_json(&b, forms[i].plain, forms[i].n, &e), 0);
		ck_assert_str_eq(b.p, forms[i].want);
	}
}
END_TEST

START_TEST(json_stops_at_the_limit)
{
	struct err e = { 0 };
	for (size_t max = 0; max < 10; max++) {
		autobuf b = BUF(max);
		ck_assert_int_eq(str_json(&b, "12\xff\n34", 6, &e), -1);
		ck_assert_int_eq(e.code, E2BIG);
	}
}
END_TEST

static const struct form quoted[] = {
	{ "", 0, "\"\"" },
	{ "bare", 4, "bare" },
	{ "a-b/c:1.5", 9, "a-b/c:1.5" },
	{ "two words", 9, "\"two words\"" },
	{ "a=b", 3, "\"a=b\"" },
	{ "say \"hi\"", 8, "\"say \\\"hi\\\"\"" },
	{ "back\\slash", 10, "\"back\\\\slash\"" },
	{ "a\nb\t\x1b[0m", 8, "\"a\\nb\\x09\\x1b[0m\"" },
	{ "nul\0nul", 7, "\"nul\\x00nul\"" },
	{ "\x7f", 1, "\"\\x7f\"" },
	{ "\xc3\xa9", 2, "\xc3\xa9" },
};

START_TEST(logfmt_values_there_and_back)
{
	for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
		struct err e = { 0 };
		autobuf b = BUF(200);
		autobuf back = BUF(200);
		ck_assert_int_eq(str_quote(&b, quoted[i].plain, quoted[i].n, &e), 0);
		ck_assert_str_eq(b.p, quoted[i].want);
		ck_assert_int_eq(buf_str(&b, " next=1", &e), 0);
		const char *at = b.p;
		ck_assert(str_unquote(&at, &back));
		ck_assert_uint_eq(back.len, quoted[i].n);
		ck_assert_int_eq(memcmp(buf_cstr(&back), quoted[i].plain, back.len), 0);
		ck_assert_str_eq(at, " next=1");
	}
}
END_TEST

START_TEST(every_byte_comes_back)
{
	struct err e = { 0 };
	autobuf b = BUF(2000);
	autobuf back = BUF(256);
	char all[256];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	ck_assert_int_eq(str_quote(&b, all, sizeof all, &e), 0);
	ck_assert(str_is_printable(b.p, b.len));
	const char *at = b.p;
	ck_assert(str_unquote(&at, &back));
	ck_assert_uint_eq(back.len, sizeof all);
	ck_assert_int_eq(memcmp(back.p, all, sizeof all), 0);
	ck_assert_ptr_eq(at, b.p + b.len);
}
END_TEST

START_TEST(malformed_values_are_refused)
{
	static const char *const bad[] = { "\"",      "\"abc",     "\"\\",   "\"\\q\"", "\"\\x4\"",
					   "\"\\x\"", "\"\\xzz\"", "\"\\x0", "\"\\x",   "\"a\\\"" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		autobuf back = BUF(100);
		const char *at = bad[i];
		ck_assert_msg(!str_unquote(&at, &back), "%s", bad[i]);
	}
}
END_TEST

START_TEST(limits_hold_both_ways)
{
	struct err e = { 0 };
	for (size_t max = 0; max < 7; max++) {
		autobuf b = BUF(max);
		ck_assert_int_eq(str_quote(&b, "a\n\x01", 3, &e), -1);
		ck_assert_int_eq(e.code, E2BIG);
	}
	autobuf small = BUF(3);
	const char *at = "\"four\"";
	ck_assert(!str_unquote(&at, &small));
	buf_clear(&small);
	at = "four";
	ck_assert(!str_unquote(&at, &small));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quote");
	TCase *t = tcase_create("quote");
	tcase_add_test(t, json_escapes);
	tcase_add_test(t, json_stops_at_the_limit);
	tcase_add_test(t, logfmt_values_there_and_back);
	tcase_add_test(t, every_byte_comes_back);
	tcase_add_test(t, malformed_values_are_refused);
	tcase_add_test(t, limits_hold_both_ways);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
