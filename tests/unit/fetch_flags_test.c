#include "executor/fetch_flags.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *text, *rest;
	bool tags;
} rows[] = {
	{ "", "", false },
	{ "none", "", false },
	{ "--prune --quiet", "", false },
	{ " -p\t-q  --tags ", "", true },
	{ "-t", "", true },
	{ "--depth 5 --tags", "", true },
	{ "--depth=5 -j 4 --jobs=2", "", false },
	{ "--depth", "", false }, /* its value is missing: git would say so, we need none */
	{ "--tags=x", "--tags=x", false },
	{ "--prunes --pru", "--prunes --pru", false },
	{ "--no-tags --filter=blob:none", "--no-tags --filter=blob:none", false },
	{ "--upload-pack /bin/x origin", "--upload-pack /bin/x origin", false },
};

START_TEST(test_words)
{
	struct err e = { 0 };
	struct arena a = ARENA(1 << 16);
	struct fetch_flags f;
	ck_assert_int_eq(fetch_flags_parse(rows[_i].text, &a, &f, &e), 0);
	ck_assert_str_eq(f.rest, rows[_i].rest);
	ck_assert(f.tags == rows[_i].tags);
	arena_done(&a);
}
END_TEST

START_TEST(test_out_of_room)
{
	struct err e = { 0 };
	struct arena a = ARENA(8);
	struct fetch_flags f;
	ck_assert_int_eq(fetch_flags_parse("--a-flag-that-is-longer-than-the-room", &a, &f, &e),
			 -1);
	ck_assert_int_ne(e.code, 0);
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fetch_flags");
	TCase *t = tcase_create("fetch_flags");
	tcase_add_loop_test(t, test_words, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, test_out_of_room);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
