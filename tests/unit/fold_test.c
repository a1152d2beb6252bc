#include "executor/fold.h"

#include <check.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

static bool equal(const char *a, const char *b)
{
	return fold_equal(a, strlen(a), b, strlen(b));
}

static int compare(const char *a, const char *b)
{
	return fold_compare(a, strlen(a), b, strlen(b));
}

START_TEST(case_does_not_count)
{
	ck_assert(equal("", "") && equal("Main", "mAIN") && equal("Straße", "sTRAßE"));
	ck_assert(equal("Ünïcødé", "ÜNÏCØDÉ") && equal("привет", "ПРИВЕТ"));
	ck_assert(equal("\xf0\x90\x90\xa8", "\xf0\x90\x90\x80")); /* Deseret, above U+FFFF */
	ck_assert(!equal("a", "") && !equal("", "a") && !equal("ab", "abc") && !equal("a", "b"));
}
END_TEST

START_TEST(no_language_counts)
{
	ck_assert(!equal("ı", "I") && !equal("ı", "i") && !equal("İ", "i"));
	ck_assert(!equal("ſ", "s") && !equal("ß", "SS") && !equal("ﬁ", "FI"));
	ck_assert(!equal("\xe2\x84\xaa", "K")); /* KELVIN SIGN is an upper case letter */
}
END_TEST

START_TEST(bytes_that_are_no_text_equal_themselves)
{
	ck_assert(equal("\xff\xfe", "\xff\xfe") && !equal("\xff", "\xfe") && !equal("\xc3", "Ã"));
	ck_assert(!equal("\xe0\x80\x80", "\xe0\x80\x81"));
}
END_TEST

START_TEST(order)
{
	ck_assert_int_lt(compare("a", "B"), 0);
	ck_assert_int_gt(compare("b", "A"), 0);
	ck_assert_int_eq(compare("abc", "ABC"), 0);
	ck_assert_int_lt(compare("ab", "ABC"), 0);
	ck_assert_int_gt(compare("abc", "AB"), 0);
	ck_assert_int_gt(compare("_", "a"), 0); /* '_' is between the upper and the lower case */
	ck_assert_int_lt(compare("😀", "\xef\xbf\xbd"), 0); /* by UTF-16 units */
	ck_assert_int_lt(compare("", "a"), 0);
}
END_TEST

START_TEST(equal_text_has_one_hash)
{
	ck_assert_uint_eq(fold_hash("GitHub", 6, 7), fold_hash("gITHUB", 6, 7));
	ck_assert_uint_ne(fold_hash("GitHub", 6, 7), fold_hash("GitHub", 6, 8));
	ck_assert_uint_ne(fold_hash("a", 1, 0), fold_hash("b", 1, 0));
}
END_TEST

START_TEST(upper_case)
{
	struct err e = { 0 };
	autobuf b = BUF(100);
	ck_assert_int_eq(fold_upper(&b, "aZ-é\xff\xc9\x90😀", 12, &e), 0);
	ck_assert_str_eq(b.p, "AZ-É\xff\xe2\xb1\xaf😀");
	struct buf small = BUF(2);
	ck_assert_int_eq(fold_upper(&small, "abc", 3, &e), -1);
	buf_done(&small);
}
END_TEST

/* Every mapping is the C library's; it may know more of them, of a later Unicode. */
START_TEST(the_table_is_unicode_s)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	size_t mapped = 0;
	for (wchar_t c = 1; c < 0x20000; c++) {
		char s[MB_LEN_MAX + 1] = "", t[MB_LEN_MAX + 1] = "";
		int n = wctomb(s, c), m = wctomb(t, (wchar_t)towupper((wint_t)c));
		if (n < 1 || m < 1 || c == 0x131 || c == 0x17f)
			continue;
		struct err e = { 0 };
		autobuf b = BUF(16);
		ck_assert_int_eq(fold_upper(&b, s, (size_t)n, &e), 0);
		bool same = b.len == (size_t)n && memcmp(b.p, s, b.len) == 0;
		mapped += !same;
		ck_assert_msg(same || (b.len == (size_t)m && memcmp(b.p, t, b.len) == 0), "U+%04X",
			      (unsigned)c);
	}
	ck_assert_uint_ge(mapped, 1400);
	setlocale(LC_CTYPE, "C");
}
END_TEST

START_TEST(white_space)
{
	static const char *const are[] = { " ",
					   "\t",
					   "\n",
					   "\r",
					   "\v",
					   "\f",
					   "\xc2\x85",
					   "\xc2\xa0",
					   "\xe1\x9a\x80",
					   "\xe2\x80\x80",
					   "\xe2\x80\x8a",
					   "\xe3\x80\x80" };
	static const char *const are_not[] = { "",  "a",   "\x1f", "\xef\xbb\xbf", "\xe2\x80\x8b",
					       "_", "\xc2" };
	for (size_t i = 0; i < sizeof are / sizeof *are; i++)
		ck_assert_uint_eq(fold_space(are[i], strlen(are[i])), strlen(are[i]));
	for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++)
		ck_assert_uint_eq(fold_space(are_not[i], strlen(are_not[i])), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fold");
	TCase *t = tcase_create("fold");
	tcase_add_test(t, case_does_not_count);
	tcase_add_test(t, no_language_counts);
	tcase_add_test(t, bytes_that_are_no_text_equal_themselves);
	tcase_add_test(t, order);
	tcase_add_test(t, equal_text_has_one_hash);
	tcase_add_test(t, upper_case);
	tcase_add_test(t, the_table_is_unicode_s);
	tcase_add_test(t, white_space);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
