#include "executor/script.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err e;

/* The text for the lines; valid until the next call. */
static const char *build(struct script s)
{
	static struct buf out = BUF(1 << 20);
	s.env_file = s.env_file ? s.env_file : "";
	s.before = s.before ? s.before : "";
	s.after = s.after ? s.after : "";
	buf_clear(&out);
	ck_assert_int_eq(script_build(&s, &out, &e), 0);
	return buf_cstr(&out);
}

START_TEST(quotes_for_any_shell)
{
	static const char *const rows[][2] = {
		{ "", "''" },
		{ "plain", "'plain'" },
		{ "it's", "'it'\\''s'" },
		{ "''", "''\\'''\\'''" },
		{ "$(id) `id` \\ \"\n", "'$(id) `id` \\ \"\n'" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		autobuf out = BUF(100);
		ck_assert_int_eq(script_quote(&out, rows[i][0], strlen(rows[i][0]), &e), 0);
		ck_assert_str_eq(buf_cstr(&out), rows[i][1]);
	}
}
END_TEST

START_TEST(shows_each_line_before_it)
{
	const char *lines[] = { "  echo 'a'  ", "", "x\ny" };
	const char *text = build((struct script){ .lines = lines, .nlines = 3 });
	ck_assert_ptr_nonnull(strstr(text, "printf '%s\\n' '\033[32;1m$ echo '\\''a'\\''\033[0;m'\n"
					   "echo 'a'\n"));
	ck_assert_ptr_nonnull(strstr(text, "printf '%s\\n' ''\n\n"));
	ck_assert_ptr_nonnull(strstr(text, "$ x # collapsed multi-line command\033[0;m'\nx\ny\n"));
	ck_assert_ptr_nonnull(strstr(text, "set -o errexit\n"));
	ck_assert_ptr_null(strstr(text, "xtrace"));
	ck_assert_ptr_null(strstr(text, "courser_line"));
}
END_TEST

START_TEST(adds_what_is_asked_for)
{
	const char *lines[] = { "x\ny" };
	const char *text = build((struct script){ .lines = lines,
						  .nlines = 1,
						  .xtrace = true,
						  .check_exit = true,
						  .sections = true,
						  .env_file = "/f",
						  .before = "BEFORE",
						  .after = "AFTER" });
	const char *order[] = { "courser_line",
				"BEFORE\n",
				"xtrace\n",
				"section_start:",
				"[hide_duration=true,collapsed=true]",
				"section_end:",
				"courser_status=$?",
				"AFTER\n" };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		text = strstr(text, order[i]);
		ck_assert_msg(text != NULL, "%s", order[i]);
	}
}
END_TEST

START_TEST(says_when_there_is_no_room)
{
	const char *lines[] = { "echo a", "echo b" };
	struct script s = {
		.lines = lines, .nlines = 2, .env_file = "", .before = "", .after = ""
	};
	for (size_t max = 1; max < 150; max += 7) {
		struct err full = { 0 };
		autobuf out = BUF(max);
		ck_assert_int_eq(script_build(&s, &out, &full), -1);
		ck_assert_int_ne(full.code, 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("script");
	TCase *t = tcase_create("script");
	tcase_add_test(t, quotes_for_any_shell);
	tcase_add_test(t, shows_each_line_before_it);
	tcase_add_test(t, adds_what_is_asked_for);
	tcase_add_test(t, says_when_there_is_no_room);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
