#include "executor/verdict.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(the_first_failure_counts)
{
	struct verdict v = { 0 };
	ck_assert_str_eq(verdict_state(&v), "success");
	ck_assert_str_eq(verdict_reason(&v), "");
	ck_assert(verdict_set(&v, ENDING_SCRIPT, "exit status %d", 3));
	ck_assert(!verdict_set(&v, ENDING_TIMEOUT, "later"));
	ck_assert_str_eq(v.what, "exit status 3");
	ck_assert_str_eq(verdict_reason(&v), "script_failure");
	ck_assert_int_eq(verdict_fault(&v), FAULT_SCRIPT);
}
END_TEST

START_TEST(every_ending_has_its_words)
{
	for (int i = ENDING_SUCCESS + 1; i < ENDINGS; i++) {
		struct verdict v = { 0 };
		ck_assert(verdict_set(&v, (enum ending)i, "x"));
		ck_assert_str_eq(verdict_state(&v), "failed");
		ck_assert_msg(verdict_reason(&v)[0] != '\0', "ending %d", i);
		ck_assert_msg(verdict_next(&v)[0] != '\0', "ending %d", i);
		ck_assert_msg(verdict_fault(&v) != FAULT_NONE, "ending %d", i);
		ck_assert_str_ne(fault_name(verdict_fault(&v)), "none");
	}
}
END_TEST

START_TEST(is_one_line_whatever_it_quotes)
{
	struct verdict v = { 0 };
	struct err e = { 0 };
	autobuf text = BUF(4096);
	ck_assert(verdict_set(&v, ENDING_CONFIG, "bad \"%s\"", "a\nb\033[2J\x7f"));
	verdict_evidence(&v, "line\r\n2");
	ck_assert_int_eq(verdict_text(&v, &text, &e), 0);
	ck_assert_str_eq(buf_cstr(&text), "bad \"a b [2J \"; fault: config; evidence: line  2; "
					  "next: correct the setting that is named and retry");
}
END_TEST

START_TEST(long_words_are_cut)
{
	struct verdict v = { 0 };
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_assert(verdict_set(&v, ENDING_INFRA, "%s", text));
	ck_assert_uint_eq(strlen(v.what), sizeof v.what - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("verdict");
	tcase_add_test(t, the_first_failure_counts);
	tcase_add_test(t, every_ending_has_its_words);
	tcase_add_test(t, is_one_line_whatever_it_quotes);
	tcase_add_test(t, long_words_are_cut);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
