#include "executor/extra_flags.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *text, *rest;
	bool tags, recursive;
	enum extra_flags_of of;
} rows[] = {
	{ "", "", false, false, FLAGS_FETCH },
	{ "none", "", false, false, FLAGS_FETCH },
	{ "--prune --quiet", "", false, false, FLAGS_FETCH },
	{ " -p\t-q  --tags ", "", true, false, FLAGS_FETCH },
	{ "-t", "", true, false, FLAGS_FETCH },
	{ "--depth 5 --tags", "", true, false, FLAGS_FETCH },
	{ "--depth=5 -j 4 --jobs=2", "", false, false, FLAGS_FETCH },
	{ "--depth", "", false, false,
	  FLAGS_FETCH }, /* its value is missing: git would say so, we need none */
	{ "--tags=x", "--tags=x", false, false, FLAGS_FETCH },
	{ "--prunes --pru", "--prunes --pru", false, false, FLAGS_FETCH },
	{ "--no-tags --filter=blob:none", "--no-tags --filter=blob:none", false, false,
	  FLAGS_FETCH },
	{ "--upload-pack /bin/x origin", "--upload-pack /bin/x origin", false, false, FLAGS_FETCH },
	{ "--recursive", "--recursive", false, false, FLAGS_FETCH },
	{ "--recursive --jobs 4 --depth=1", "", false, true, FLAGS_SUBMODULE },
	{ "--remote --jobs 4", "--remote", false, false, FLAGS_SUBMODULE },
	{ "--tags --merge --init -f", "--tags --merge", false, false, FLAGS_SUBMODULE },
};

START_TEST(test_words)
{
	struct err e = { 0 };
	struct arena a = ARENA(1 << 16);
	struct extra_flags f;
	ck_assert_int_eq(extra_flags_parse(rows[_i].of, rows[_i].text, &a, &f, &e), 0);
	ck_assert_str_eq(f.rest, rows[_i].rest);
	ck_assert(f.tags == rows[_i].tags);
	ck_assert(f.recursive == rows[_i].recursive);
	arena_done(&a);
}
END_TEST

START_TEST(test_out_of_room)
{
	struct err e = { 0 };
	struct arena a = ARENA(8);
	struct extra_flags f;
	ck_assert_int_eq(
		extra_flags_parse(FLAGS_FETCH, "--a-flag-that-is-longer-than-the-room", &a, &f, &e),
		-1);
	ck_assert_int_ne(e.code, 0);
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("extra_flags");
	TCase *t = tcase_create("extra_flags");
	tcase_add_loop_test(t, test_words, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, test_out_of_room);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
