#include "base/utf8.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sequence {
	const char *bytes;
	size_t len; /* 0: not well formed */
};

static const struct sequence sequences[] = {
	{ "a", 1 },
	{ "\x7f", 1 },
	{ "\xc3\xa9", 2 },
	{ "\xdf\xbf", 2 },
	{ "\xe0\xa0\x80", 3 },
	{ "\xe2\x82\xac", 3 },
	{ "\xed\x9f\xbf", 3 },
	{ "\xef\xbf\xbd", 3 },
	{ "\xf0\x90\x80\x80", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\x80", 0 }, /* a continuation byte */
	{ "\xbf\x80", 0 },
	{ "\xc0\x80", 0 }, /* overlong */
	{ "\xc1\xbf", 0 },
	{ "\xe0\x9f\xbf", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },
	{ "\xed\xa0\x80", 0 },     /* a surrogate */
	{ "\xf4\x90\x80\x80", 0 }, /* beyond U+10FFFF */
	{ "\xf5\x80\x80\x80", 0 },
	{ "\xff", 0 },
	{ "\xe2\x28\xa1", 0 }, /* a byte that does not continue */
	{ "\xe2\x82\x28", 0 },
	{ "\xf0\x9f\x98", 0 }, /* cut */
	{ "\xc3", 0 },
};

START_TEST(length_by_rfc_3629)
{
	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		const struct sequence *q = &sequences[i];
		ck_assert_msg(utf8_len(q->bytes, strlen(q->bytes)) == q->len, "row %zu", i);
	}
	ck_assert_uint_eq(utf8_len("\0", 1), 1);
}
END_TEST

START_TEST(a_cut_sequence_is_pending_at_every_cut)
{
	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		const struct sequence *q = &sequences[i];
		for (size_t k = 1; k < q->len; k++) {
			ck_assert_uint_eq(utf8_len(q->bytes, k), 0);
			ck_assert_uint_eq(utf8_pending(q->bytes, k), k);
		}
		if (q->len)
			ck_assert_uint_eq(utf8_pending(q->bytes, q->len), 0);
	}
	ck_assert_uint_eq(utf8_pending("", 0), 0);
}
END_TEST

START_TEST(what_can_never_go_on_is_not_pending)
{
	ck_assert_uint_eq(utf8_pending("\xed\xa0", 2), 0);
	ck_assert_uint_eq(utf8_pending("\xf0\x8f\xbf", 3), 0);
	ck_assert_uint_eq(utf8_pending("\xc0", 1), 0);
	ck_assert_uint_eq(utf8_pending("\x80\x80\x80", 3), 0);
	ck_assert_uint_eq(utf8_pending("a\x80", 2), 0);
	ck_assert_uint_eq(utf8_pending("\xc3\xa9\xe2", 3), 1);
	ck_assert_uint_eq(utf8_pending("\xe2\x82\xac\x80", 4), 0);
}
END_TEST

/* The code point's own encoding, by the definition. */
static size_t encode(uint32_t c, char *out)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

START_TEST(every_code_point_is_accepted_but_surrogates)
{
	for (uint32_t c = 0; c <= 0x110000; c++) {
		char s[4];
		size_t n = encode(c, s);
		size_t want = (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : n;
		if (utf8_len(s, n) != want)
			ck_abort_msg("U+%04X", c);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("utf8");
	TCase *t = tcase_create("utf8");
	tcase_add_test(t, length_by_rfc_3629);
	tcase_add_test(t, a_cut_sequence_is_pending_at_every_cut);
	tcase_add_test(t, what_can_never_go_on_is_not_pending);
	tcase_add_test(t, every_code_point_is_accepted_but_surrogates);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
