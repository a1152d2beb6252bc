/* Output cut into lines: whatever its pieces, the same lines are taken and the rest goes on unchanged. */
#include "executor/output_lines.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static char out[8 << 20];
static size_t nout;
static unsigned taken;

static bool meant(void *arg, const char *line, size_t n)
{
	(void)arg;
	return n > 1 && memcmp(line, "::", 2) == 0;
}

static bool begins(void *arg, const char *line, size_t n)
{
	return (n == 1 && *line == ':') || meant(arg, line, n);
}

static int put(void *to, const char *p, size_t n, struct err *why)
{
	(void)to;
	(void)why;
	ck_assert_uint_le(nout + n, sizeof out);
	memcpy(out + nout, p, n);
	nout += n;
	return 0;
}

/* "::show…" is shown, another command leaves its length. */
static int take(void *arg, void *to, const struct output_line *cut, bool *ret_show, struct err *why)
{
	const char *line = cut->p;
	size_t n = cut->n;
	char text[32];
	(void)arg;
	taken++;
	ck_assert(n == 0 || (line[n - 1] != '\n' && line[n - 1] != '\r'));
	*ret_show = n >= 6 && memcmp(line, "::show", 6) == 0;
	snprintf(text, sizeof text, "<%zu>", n);
	return put(to, text, strlen(text), why);
}

static const struct output_reader reader = { NULL, meant, begins, take, put };
static struct output_lines lines;

static void setup(void)
{
	e = (struct err){ 0 };
	nout = taken = 0;
	output_lines_init(&lines, &reader, out);
}

static void teardown(void)
{
	struct err ignored = { 0 };
	(void)!output_lines_close(&lines, &ignored);
}

static void feed(const char *text)
{
	ck_assert_int_eq(output_lines_write(&lines, text, strlen(text), &e), 0);
}

static void expect(const char *text)
{
	ck_assert_uint_eq(nout, strlen(text));
	ck_assert(memcmp(out, text, nout) == 0);
}

static const char text[] = "a\n::x\n\nb: ::no\r\n:\n::show me\r\n:::\n  \n::last";
static const char want[] = "a\n<3>\nb: ::no\r\n:\n<9>::show me\r\n<3>  \n<6>";

START_TEST(pieces_of_every_size)
{
	for (size_t at = 0; at < sizeof text - 1; at += (size_t)_i) {
		size_t left = sizeof text - 1 - at;
		ck_assert_int_eq(output_lines_write(&lines, text + at,
						    left < (size_t)_i ? left : (size_t)_i, &e),
				 0);
	}
	ck_assert_int_eq(output_lines_close(&lines, &e), 0);
	expect(want);
	ck_assert_uint_eq(taken, 4);
}
END_TEST

START_TEST(a_line_without_its_end_goes_on_after_a_while)
{
	feed("one");
	expect("");
	ck_assert_int_eq(output_lines_quiet(&lines, &e), 0);
	expect("one");
	feed(" two\n::c\n::");
	expect("one two\n<3>");
	ck_assert_int_eq(output_lines_quiet(&lines, &e), 0);
	expect("one two\n<3>");
	feed("d\n:");
	ck_assert_int_eq(output_lines_quiet(&lines, &e), 0);
	expect("one two\n<3><3>");
}
END_TEST

static void feed_many(char c, size_t n)
{
	static char piece[1000];
	memset(piece, c, sizeof piece);
	for (; n; n -= n < sizeof piece ? n : sizeof piece)
		ck_assert_int_eq(
			output_lines_write(&lines, piece, n < sizeof piece ? n : sizeof piece, &e),
			0);
}

START_TEST(a_long_line_is_not_kept)
{
	feed_many('x', OUTPUT_LINE_MAX + 5000);
	ck_assert_uint_gt(nout, OUTPUT_LINE_MAX);
	feed("\n::x\n");
	ck_assert_uint_eq(nout, OUTPUT_LINE_MAX + 5000 + 1 + 3);
	ck_assert_uint_eq(taken, 1);
}
END_TEST

START_TEST(a_long_command_is_kept_up_to_its_limit)
{
	feed("::");
	feed_many('x', 1 << 20);
	ck_assert_uint_eq(nout, 0);
	feed("\n");
	expect("<1048578>");
	feed("::");
	feed_many('x', OUTPUT_COMMAND_MAX);
	feed("yy\nz\n::show\n");
	ck_assert_ptr_nonnull(memmem(out, nout, "was not carried out\nz\n<6>::show\n", 32));
	ck_assert_ptr_null(memmem(out, nout, "xx", 2));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("output_lines");
	TCase *t = tcase_create("output_lines");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, pieces_of_every_size, 1, (int)sizeof text);
	tcase_add_test(t, a_line_without_its_end_goes_on_after_a_while);
	tcase_add_test(t, a_long_line_is_not_kept);
	tcase_add_test(t, a_long_command_is_kept_up_to_its_limit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
