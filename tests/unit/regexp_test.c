#include "executor/regexp.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int match(const char *text, const char *line)
{
	struct err e = { 0 };
	struct regexp *r = regexp_new(text, strlen(text), &e);
	ck_assert_msg(r != NULL, "%s: %s", text, e.msg);
	int found = regexp_match(r, line, strlen(line), &e);
	regexp_free(r);
	return found;
}

START_TEST(it_is_as_in_ecmascript)
{
	static const struct {
		const char *text, *line;
		int found;
	} rows[] = {
		{ "", "", 1 },
		{ "^a.c$", "aéc", 1 },
		{ "\\d", "١", 0 },
		{ "^\\w+$", "é", 0 },
		{ "\\s", " ", 1 },
		{ "\\u0041\\x42", "AB", 1 },
		{ "^\\u00e9", "é", 1 },
		{ "(?i)É", "é", 1 },
		{ "a\\/b\\-", "a/b-", 1 },
		{ "^(?:(?<x>a)|b)$", "b", 1 },
		{ "a(?!b)", "ab", 0 },
		{ "(a)\\1", "aa", 1 },
		{ "x", "\xff x", 1 },
		{ "^.x", "\xffx", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(match(rows[i].text, rows[i].line) == rows[i].found, "%s",
			      rows[i].text);
}
END_TEST

START_TEST(groups)
{
	static const char line[] = "a.c:12: oops";
	struct err e = { 0 };
	size_t from = 99, to = 99;
	struct regexp *r = regexp_new("(.+):(\\d+)(:x)?: (.*)", 21, &e);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(regexp_groups(r), 4);
	ck_assert_int_eq(regexp_match(r, line, strlen(line), &e), 1);
	ck_assert(regexp_group(r, 0, &from, &to) && from == 0 && to == 12);
	ck_assert(regexp_group(r, 2, &from, &to) && from == 4 && to == 6);
	ck_assert(!regexp_group(r, 3, &from, &to) && !regexp_group(r, 5, &from, &to));
	ck_assert(regexp_group(r, 4, &from, &to) && from == 8 && to == 12);
	regexp_free(r);
}
END_TEST

START_TEST(what_is_wrong)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "(", "at character 2: missing closing parenthesis" },
		{ "a**", "at character" },
		{ "[z-a]", "at character" },
		{ "\\C", "at character" },
		{ "\xff", "at character" },
		{ "((((a{900}){900}){900}){900})", "at character" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		ck_assert_ptr_null(regexp_new(rows[i].text, strlen(rows[i].text), &e));
		ck_assert_msg(strstr(e.msg, rows[i].want) != NULL, "%s: %s", rows[i].text, e.msg);
	}
	char big[REGEXP_MAX + 1];
	struct err e = { 0 };
	memset(big, 'a', sizeof big);
	struct regexp *r = regexp_new(big, REGEXP_MAX, &e);
	ck_assert_ptr_nonnull(r);
	regexp_free(r);
	ck_assert_ptr_null(regexp_new(big, REGEXP_MAX + 1, &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 4096 bytes"));
	regexp_free(NULL);
}
END_TEST

START_TEST(steps_have_a_limit)
{
	struct err e = { 0 };
	struct regexp *r = regexp_new("^(a+)+$", 7, &e);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(regexp_match(r, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 41, &e), -1);
	ck_assert_msg(strstr(e.msg, "limit") != NULL, "%s", e.msg);
	ck_assert_int_eq(regexp_match(r, "aaa", 3, &e), 1);
	regexp_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("regexp");
	TCase *t = tcase_create("regexp");
	tcase_add_test(t, it_is_as_in_ecmascript);
	tcase_add_test(t, groups);
	tcase_add_test(t, what_is_wrong);
	tcase_add_test(t, steps_have_a_limit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
