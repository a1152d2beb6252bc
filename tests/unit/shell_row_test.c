/* What `shell:` means. */
#include "executor/shell_row.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
}

static void teardown(void)
{
	arena_done(&arena);
}

struct row {
	const char *name;
	bool image;
	const char *argv; /* words with '|' between; NULL: none */
};

static const struct row rows[] = {
	{ "", false, "bash|-e|{0}" },
	{ "", true, "sh|-e|{0}" },
	{ "bash", true, "bash|--noprofile|--norc|-eo|pipefail|{0}" },
	{ "sh", false, "sh|-e|{0}" },
	{ "pwsh", false, "pwsh|-command|. '{0}'" },
	{ "perl {0}", false, "perl|{0}" },
	{ "env A='b c' \"d\\\" e\"  x\\ y f{0}g", false, "env|A=b c|d\" e|x y|f{0}g" },
	{ "perl 'x {0}", false, NULL },
	{ "perl", false, NULL },
	{ "cmd", false, NULL },
	{ "{0}", false, NULL },
	{ "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 {0}", false, NULL },
};

START_TEST(shells)
{
	const struct row *r = &rows[_i];
	struct err e = { 0 };
	struct shell_row got;
	char text[256] = "";
	size_t n = 0;
	int ok = shell_find(r->name, r->image, &arena, &got, &e);
	ck_assert_msg(ok == (r->argv ? 0 : -1), "%s: %s", r->name, e.msg);
	for (size_t i = 0; ok == 0 && got.argv[i]; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "|" : "", got.argv[i]);
	if (r->argv)
		ck_assert_str_eq(text, r->argv);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shell_row");
	TCase *t = tcase_create("shell_row");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, shells, 0, (int)(sizeof rows / sizeof *rows));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
