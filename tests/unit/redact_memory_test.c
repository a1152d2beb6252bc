/* The sets that need the most: building never fails, and what has no room is said. */
#include "executor/redact_set.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 255, ALL = 300, BEGIN = 24 };

static void add(struct redact_set *s, const void *p, size_t n)
{
	struct err e = { 0 };
	ck_assert_msg(redact_set_add(s, "S", p, n, &e) == 0, "%s", e.msg);
}

static void random_bytes(unsigned char *p, size_t n, unsigned *seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(1 + (unsigned)rand_r(seed) % BYTES);
}

/* All bytes but NUL, `first` before the others, and then any. */
static void every_byte(unsigned char *p, unsigned first, unsigned *seed)
{
	random_bytes(p, ALL, seed);
	for (unsigned i = 0; i < BYTES; i++)
		p[i] = (unsigned char)(1 + (first + i) % BYTES);
}

/* For every byte a value that begins with it, in both lanes, with all the others in it. */
static void add_every_byte(struct redact_set *s, unsigned *seed)
{
	unsigned char pem[BEGIN + 1 + ALL + 1] = "-----BEGIN PRIVATE-----\n";
	for (unsigned i = 0; i < BYTES; i++) {
		every_byte(pem + BEGIN, i, seed);
		pem[BEGIN + ALL] = '.'; /* white space at the end would go */
		add(s, pem + BEGIN, ALL + 1);
		add(s, pem, BEGIN + ALL + 1);
	}
}

static void add_prefixes(struct redact_set *s)
{
	struct err e = { 0 };
	char prefix[REDACT_PREFIX_MAX + 1] = "";
	for (int i = 0; i < WORDS_PREFIXES; i++) {
		for (int k = 0; k < REDACT_PREFIX_MAX; k++)
			prefix[k] = (char)('!' + (i + k * (1 + i % 7)) % 94);
		ck_assert_msg(redact_set_prefix(s, prefix, &e) == 0, "%s", e.msg);
	}
}

static void expect_built(struct redact_set *s)
{
	struct err e = { 0 };
	ck_assert_msg(redact_set_build(s, &e) == 0, "%s", e.msg);
	ck_assert_uint_le(redact_set_memory(s), REDACT_MEMORY);
	ck_assert_uint_gt(redact_set_needles(s), 0);
	redact_set_free(s);
}

/* Tables as large as they can be, with and without values that fill the rest. */
START_TEST(tables_find_room)
{
	static unsigned char value[REDACT_LONGEST];
	static const size_t sizes[] = { REDACT_LONGEST, REDACT_LONGEST - 1, 30000, 3000, 700, 60 };
	for (size_t most = 0; most <= 6; most++) {
		struct err e = { 0 };
		struct redact_set *s = redact_set_new(NULL, &e);
		unsigned seed = 1;
		ck_assert_msg(s != NULL, "%s", e.msg);
		add_prefixes(s);
		add_every_byte(s, &seed);
		for (size_t i = 0; i < most * 4; i++) {
			size_t n = sizes[i % (sizeof sizes / sizeof *sizes)];
			random_bytes(value, n, &seed);
			add(s, value, n);
		}
		expect_built(s);
	}
}
END_TEST

static bool is_masked(const struct redact_set *s, const char *value)
{
	struct err e = { 0 };
	autobuf out = BUF(4096);
	struct redactor *r = redactor_new(s, &e);
	ck_assert_msg(r != NULL, "%s", e.msg);
	ck_assert_int_eq(redactor_feed(r, value, strlen(value), &out, &e), 0);
	ck_assert_int_eq(redactor_flush(r, false, &out, &e), 0);
	redactor_free(r);
	return strcmp(buf_cstr(&out), "[MASKED]") == 0;
}

/* More of the largest values than there is room for: small ones are masked all the same. */
START_TEST(largest_values_find_room_or_are_named)
{
	static const char before[] = "added-before", after[] = "added-after";
	static unsigned char value[REDACT_LONGEST + 1];
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	unsigned seed = 2;
	ck_assert_msg(s != NULL, "%s", e.msg);
	add(s, before, sizeof before - 1);
	for (size_t i = 0; i < 100; i++) {
		random_bytes(value, sizeof value, &seed);
		add(s, value, sizeof value - i % 3);
	}
	add(s, after, sizeof after - 1);
	ck_assert_ptr_nonnull(strstr(redact_set_warnings(s), "S: no room left: not masked"));
	ck_assert_int_eq(redact_set_build(s, &e), 0);
	ck_assert(is_masked(s, before) && is_masked(s, after));
	ck_assert_ptr_nonnull(strstr(redact_set_warnings(s), "S: too large"));
	/* A set that is made from it takes them in another order. */
	struct redact_set *more = redact_set_more(s, &e);
	ck_assert_msg(more != NULL, "%s", e.msg);
	ck_assert_uint_eq(more->nvalues, s->nvalues);
	redact_set_free(s);
	expect_built(more);
}
END_TEST

/* What is set aside for values is what they take, whatever their size. */
START_TEST(small_values_take_what_is_promised)
{
	struct err e = { 0 };
	struct redact_set *s = redact_set_new(NULL, &e);
	unsigned char value[16];
	unsigned seed = 3;
	ck_assert_msg(s != NULL, "%s", e.msg);
	size_t tables = s->promised;
	for (size_t i = 0; i < 3000; i++) {
		random_bytes(value, sizeof value, &seed);
		value[0] = 'v';
		size_t n = 9 + i % 7;
		value[n - 1] = 'w';
		add(s, value, n);
		ck_assert_uint_le(s->region.used, s->promised - tables);
	}
	expect_built(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redact_memory");
	TCase *all = tcase_create("all");
	tcase_set_timeout(all, 60);
	tcase_add_test(all, tables_find_room);
	tcase_add_test(all, largest_values_find_room_or_are_named);
	tcase_add_test(all, small_values_take_what_is_promised);
	suite_add_tcase(s, all);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
