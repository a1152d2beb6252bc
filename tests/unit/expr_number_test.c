#include "executor/expr_number.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double parse(const char *s)
{
	return expr_number_parse(s, strlen(s));
}

START_TEST(numbers_as_people_write_them)
{
	static const struct {
		const char *text;
		double want;
	} good[] = {
		{ "", 0 },
		{ " \t\n", 0 },
		{ "0", 0 },
		{ "42", 42 },
		{ " 42\n", 42 },
		{ "-1.5", -1.5 },
		{ "+7", 7 },
		{ ".5", .5 },
		{ "5.", 5 },
		{ "-.5e1", -5 },
		{ "1e3", 1000 },
		{ "1E-2", .01 },
		{ "007", 7 },
		{ "0xff", 255 },
		{ "0xFF", 255 },
		{ "0o17", 15 },
		{ "0xffffffff", -1 },
		{ "0x80000000", -2147483648. },
		{ "0o37777777777", -1 },
		{ "0x0000000001", 1 },
		{ "1e400", HUGE_VAL },
		{ "Infinity", HUGE_VAL },
		{ "-infinity", -HUGE_VAL },
		{ "+INFINITY", HUGE_VAL },
		{ "123456789012345678", 123456789012345678. },
		{ "\xc2\xa0"
		  "3\xe3\x80\x80",
		  3 },
		{ "0.1000000000000000055511151231257827021181583404541015625000000000", .1 },
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(parse(good[i].text) == good[i].want, "%s: %g", good[i].text,
			      parse(good[i].text));
	ck_assert(signbit(parse("-0")) != 0);
}
END_TEST

START_TEST(what_is_no_number)
{
	static const char *const bad[] = {
		"a",        ".",    "-",   "+",           "--1",           "1e",  "1e+",
		"1.2.3",    "1 2",  "0x",  "0o",          "0xg",           "0o8", "0X1",
		"0O1",      "-0x1", "0b1", "1_000",       "NaN",           "inf", "1,0",
		"0x1p3",    "- 1",  "e5",  "0x100000000", "0o40000000000", "١",   "1\xff",
		"Infinityx"
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(isnan(parse(bad[i])), "%s: %g", bad[i], parse(bad[i]));
	ck_assert(isnan(expr_number_parse("1\0", 2)));
}
END_TEST

START_TEST(numbers_as_the_runner_prints_them)
{
	static const struct {
		double d;
		const char *text;
	} all[] = {
		{ 0, "0" },
		{ -0., "-0" },
		{ 1, "1" },
		{ -1.5, "-1.5" },
		{ .1 + .2, "0.3" },
		{ 1. / 3, "0.333333333333333" },
		{ 123456789012345., "123456789012345" },
		{ 1e14, "100000000000000" },
		{ 1e15, "1E+15" },
		{ 1e18, "1E+18" },
		{ 1234567890123456., "1.23456789012346E+15" },
		{ .0001, "0.0001" },
		{ .00001, "1E-05" },
		{ 1.5e-7, "1.5E-07" },
		{ 1e100, "1E+100" },
		{ 5e-324, "4.94065645841247E-324" },
		{ -1.7976931348623157e308, "-1.79769313486232E+308" },
		{ HUGE_VAL, "Infinity" },
		{ -HUGE_VAL, "-Infinity" },
		{ (double)NAN, "NaN" },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char text[EXPR_NUMBER_TEXT];
		ck_assert_uint_eq(expr_number_text(all[i].d, text), strlen(all[i].text));
		ck_assert_str_eq(text, all[i].text);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("expr_number");
	TCase *t = tcase_create("expr_number");
	tcase_add_test(t, numbers_as_people_write_them);
	tcase_add_test(t, what_is_no_number);
	tcase_add_test(t, numbers_as_the_runner_prints_them);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
