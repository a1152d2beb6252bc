#include "base/buf.h"
#include "executor/state_file.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

static void setup(void)
{
	arena = (struct arena)ARENA(64 << 20);
}

static void teardown(void)
{
	arena_done(&arena);
}

/* "name=value;" of all pairs. */
static void pairs_are(const char *text, size_t n, const char *want)
{
	struct err e = { 0 };
	struct state_pairs ps;
	autobuf all = BUF(4096);
	ck_assert_msg(state_file_pairs(text, n, &arena, &ps, &e) == 0, "%s: %s", text, e.msg);
	for (size_t i = 0; i < ps.n; i++) {
		ck_assert_uint_eq(strlen(ps.pairs[i].value), ps.pairs[i].n);
		ck_assert_int_eq(
			buf_printf(&all, &e, "%s=%s;", ps.pairs[i].name, ps.pairs[i].value), 0);
	}
	ck_assert_msg(strcmp(buf_cstr(&all), want) == 0, "%s: %s", text, buf_cstr(&all));
}

START_TEST(pairs)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "\n\r\n\n", "" },
		{ "a=1", "a=1;" },
		{ "a=1\nb = 2 \n", "a=1;b = 2 ;" },
		{ "a=\n", "a=;" },
		{ "a=b=c<<d\n", "a=b=c<<d;" },
		{ "a=1\r\nb=2\r\n", "a=1;b=2;" },
		{ "a<<EOF\nEOF", "a=;" },
		{ "a<<EOF\n\nEOF\n", "a=;" },
		{ "a<<EOF\none\ntwo\nEOF\nb=2", "a=one\ntwo;b=2;" },
		{ "a<<EOF\none\n\nEOF\n", "a=one\n;" },
		{ "a<<EOF\n EOF\nEOF \nEOF\n", "a= EOF\nEOF ;" },
		{ "a<<EOF\r\none\r\ntwo\r\nEOF\r\nb=2\r\n", "a=one\r\ntwo;b=2;" },
		{ "a<<=\nx=y\n=\n", "a=x=y;" },
		{ "a<<a<<b\nx\na<<b\n", "a=x;" },
		{ "a<< EOF\nx\n EOF\n", "a=x;" },
		{ "a=1\na=2\n", "a=1;a=2;" },
		{ "\xef\xbb\xbf"
		  "a=1\n",
		  "a=1;" },
		{ "é=ü\n", "é=ü;" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		pairs_are(rows[i].text, strlen(rows[i].text), rows[i].want);
}
END_TEST

START_TEST(utf16)
{
	static const char little[] = "\xff\xfe"
				     "a\0=\0\xe9\0\x3d\xd8\x00\xde\n\0\x00\xd8=\0"
				     "1\0",
			  big[] = "\xfe\xff\0a\0=\0\xe9\xd8\x3d\xde\x00";
	struct err e = { 0 };
	struct state_pairs ps;
	pairs_are(little, sizeof little - 1, "a=é😀;\xef\xbf\xbd=1;");
	pairs_are(big, sizeof big - 1, "a=é😀;");
	pairs_are("\xff\xfe", 2, "");
	ck_assert_int_eq(state_file_pairs("\xff\xfe"
					  "a",
					  3, &arena, &ps, &e),
			 -1);
}
END_TEST

START_TEST(values_may_hold_nuls)
{
	struct err e = { 0 };
	struct state_pairs ps;
	ck_assert_int_eq(state_file_pairs("a=x\0y\nb<<E\n\0\n\nE\n", 16, &arena, &ps, &e), 0);
	ck_assert_uint_eq(ps.n, 2);
	ck_assert_uint_eq(ps.pairs[0].n, 3);
	ck_assert_int_eq(memcmp(ps.pairs[0].value, "x\0y", 4), 0);
	ck_assert_uint_eq(ps.pairs[1].n, 2);
}
END_TEST

START_TEST(what_is_wrong_has_a_line)
{
	static const struct {
		const char *text, *want;
		size_t n;
	} rows[] = {
		{ "secret", "line 1: neither NAME=VALUE nor NAME<<DELIMITER", 0 },
		{ "a=1\n\nsecret\n", "line 3: neither", 0 },
		{ "=secret", "line 1: a name must not be empty", 0 },
		{ "<<EOF\nEOF\n", "line 1: a name must not be empty", 0 },
		{ "a<<\nsecret\n", "line 1: a delimiter must not be empty", 0 },
		{ "a<<\r\nsecret\r\n\r\n", "line 1: a delimiter must not be empty", 0 },
		{ "x=1\na<<EOF\nsecret\n", "line 2: \"a\" is not closed", 0 },
		{ "a<<EOF\nsecret EOF", "line 1: \"a\" is not closed", 0 },
		{ "a<<EOF", "line 1: \"a\" is not closed", 0 },
		{ "a<<EOF\neof\n", "line 1: \"a\" is not closed", 0 },
		{ "a\0b=secret", "line 1: a name must not hold a NUL", 10 },
		{ "a<<E\0\nx\nE\0\n", "line 1: a delimiter must not hold a NUL", 11 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = { 0 };
		struct state_pairs ps;
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].text);
		ck_assert_int_eq(state_file_pairs(rows[i].text, n, &arena, &ps, &e), -1);
		ck_assert_msg(strstr(e.msg, rows[i].want) != NULL, "%s: %s", rows[i].text, e.msg);
		ck_assert_ptr_null(strstr(e.msg, "secret"));
	}
}
END_TEST

START_TEST(limits)
{
	struct err e = { 0 };
	struct state_pairs ps;
	autobuf text = BUF(STATE_FILE_MAX + 1);
	for (int i = 0; i < STATE_PAIRS_MAX; i++)
		ck_assert_int_eq(buf_printf(&text, &e, "n%d=%d\n", i, i), 0);
	ck_assert_int_eq(state_file_pairs(text.p, text.len, &arena, &ps, &e), 0);
	ck_assert_uint_eq(ps.n, STATE_PAIRS_MAX);
	ck_assert_str_eq(ps.pairs[9999].value, "9999");
	ck_assert_int_eq(buf_str(&text, "x=y", &e), 0);
	ck_assert_int_eq(state_file_pairs(text.p, text.len, &arena, &ps, &e), -1);
	ck_assert_int_eq(state_file_pairs(text.p, STATE_FILE_MAX + 1, &arena, &ps, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 16777216"));
	struct arena small = ARENA(10);
	ck_assert_int_eq(state_file_pairs("a=1\n", 4, &small, &ps, &e), -1);
	arena_done(&small);
}
END_TEST

START_TEST(paths)
{
	struct err e = { 0 };
	struct state_pairs ps;
	static const char text[] = "/a\r\n\n/b c\n/a\n/d=e";
	ck_assert_int_eq(state_file_paths(text, sizeof text - 1, &arena, &ps, &e), 0);
	ck_assert_uint_eq(ps.n, 3);
	ck_assert_str_eq(ps.pairs[0].name, "/b c");
	ck_assert_str_eq(ps.pairs[1].name, "/a");
	ck_assert_str_eq(ps.pairs[2].name, "/d=e");
	ck_assert_int_eq(state_file_paths("/a\n/\0b\n", 7, &arena, &ps, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "line 2"));
}
END_TEST

START_TEST(summaries)
{
	struct err e = { 0 };
	size_t n;
	const char *s = state_file_summary("\xef\xbb\xbf# x\n", 7, &arena, &n, &e);
	ck_assert(s && n == 4 && strcmp(s, "# x\n") == 0);
	char *big = calloc(1, STATE_SUMMARY_MAX + 1);
	ck_assert_ptr_nonnull(big);
	ck_assert_ptr_nonnull(state_file_summary(big, STATE_SUMMARY_MAX, &arena, &n, &e));
	ck_assert_ptr_null(state_file_summary(big, STATE_SUMMARY_MAX + 1, &arena, &n, &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "1025 KiB, at most 1024"));
	free(big);
}
END_TEST

START_TEST(what_may_be_set)
{
	ck_assert(state_file_may_set("PATH") && state_file_may_set("CI") &&
		  state_file_may_set("GITHUB") && state_file_may_set("NODE_OPTIONS_X"));
	ck_assert(!state_file_may_set("node_options") && !state_file_may_set("GITHUB_ENV") &&
		  !state_file_may_set("Runner_Temp"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("state_file");
	TCase *t = tcase_create("state_file");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pairs);
	tcase_add_test(t, utf16);
	tcase_add_test(t, values_may_hold_nuls);
	tcase_add_test(t, what_is_wrong_has_a_line);
	tcase_add_test(t, limits);
	tcase_add_test(t, paths);
	tcase_add_test(t, summaries);
	tcase_add_test(t, what_may_be_set);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
