/* What the text of `uses:` names. */
#include "executor/uses.h"

#include <check.h>
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

struct good_row {
	const char *text;
	enum uses_kind kind;
	const char *server, *repository, *path, *ref, *image;
};

static const struct good_row good[] = {
	{ "actions/checkout@v4", USES_REMOTE, "", "actions/checkout", "", "v4", "" },
	{ "a/b/c/./d@x/y", USES_REMOTE, "", "a/b", "c/d", "x/y", "" },
	{ "a.b/c_d-e@0123", USES_REMOTE, "", "a.b/c_d-e", "", "0123", "" },
	{ "https://h:3000/a/b/c@v1", USES_REMOTE, "https://h:3000", "a/b", "c", "v1", "" },
	{ "http://h/a/b@v1", USES_REMOTE, "http://h", "a/b", "", "v1", "" },
	{ "./", USES_LOCAL, "", "", "", "", "" },
	{ ".", USES_LOCAL, "", "", "", "", "" },
	{ "./.gitea//actions/x/", USES_LOCAL, "", "", ".gitea/actions/x", "", "" },
	{ "./a@b", USES_LOCAL, "", "", "a@b", "", "" },
	{ "docker://alpine:3", USES_IMAGE, "", "", "", "", "alpine:3" },
};

START_TEST(what_there_can_be)
{
	const struct good_row *r = &good[_i];
	struct err e = { 0 };
	struct uses u;
	ck_assert_msg(uses_parse(r->text, &arena, &u, &e) == 0, "%s: %s", r->text, e.msg);
	ck_assert_int_eq(u.kind, r->kind);
	ck_assert_str_eq(u.text, r->text);
	ck_assert_str_eq(u.server, r->server);
	ck_assert_str_eq(u.repository, r->repository);
	ck_assert_str_eq(u.path, r->path);
	ck_assert_str_eq(u.ref, r->ref);
	ck_assert_str_eq(u.image, r->image);
}
END_TEST

static const char *const bad[] = {
	"",
	"a",
	"a/b",
	"a@b",
	"@",
	"/b@c",
	"a/@c",
	"a/b@",
	"a/b@-x",
	"a/b@..",
	"a/b@x y",
	"../a/b@c",
	"a/../b@c",
	"a/b/../c@d",
	"./a/..",
	"./../b",
	"https://h@v",
	"https:///a/b@c",
	"https://u:p@h/a/b@c",
	"ftp://h/a/b@c",
	"a/b\n@c",
	"./a\x1b",
	"docker://",
	"a b/c@d",
};

START_TEST(what_there_cannot_be)
{
	struct err e = { 0 };
	struct uses u;
	ck_assert_msg(uses_parse(bad[_i], &arena, &u, &e) == -1, "%s", bad[_i]);
	ck_assert_int_ne(e.code, 0);
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof *(rows)))

int main(void)
{
	Suite *s = suite_create("uses");
	TCase *t = tcase_create("uses");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_there_can_be, 0, ROWS(good));
	tcase_add_loop_test(t, what_there_cannot_be, 0, ROWS(bad));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
