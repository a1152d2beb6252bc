#include "protocol/oci_layout.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define DA D("aaaa")
#define DB D("bbbb")
#define NAMED(d, name)                                                                         \
	"{\"digest\":\"" d "\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name \
	"\"}}"

struct row {
	const char *text, *tag, *digest, *says;
};

static const struct row rows[] = {
	{ "{\"manifests\":[{\"digest\":\"" DA "\"}]}", "", DA, "" },
	{ "{\"manifests\":[" NAMED(DA, "1") "," NAMED(DB, "r.example/x:2") "]}", "1", DA, "" },
	{ "{\"manifests\":[" NAMED(DA, "1") "," NAMED(DB, "r.example/x:2") "]}", "2", DB, "" },
	{ "{\"manifests\":[" NAMED(DA, "1") "," NAMED(DB, "12") "]}", "2", "",
	  "none is called \"2\"" },
	{ "{\"manifests\":[" NAMED(DA, "1") "," NAMED(DB, "2") "]}", "", "", "has 2 images" },
	{ "{\"manifests\":[{\"digest\":\"sha256:../../etc\"}]}", "", "", "not sha256" },
	{ "{\"manifests\":[]}", "", "", "manifests" },
	{ "[]", "", "", "not an object" },
	{ "", "", "", "index.json" },
};

START_TEST(tags_of_a_layout)
{
	const struct row *r = &rows[_i];
	struct arena a = ARENA(1 << 16);
	struct err e = { 0 };
	const char *digest = "";
	const struct oci_answer from = { r->text, "", strlen(r->text) };
	int done = oci_layout_find(&from, r->tag, &a, &digest, &e);
	ck_assert_int_eq(done, r->digest[0] ? 0 : -1);
	ck_assert_str_eq(digest, r->digest);
	ck_assert_msg(strstr(e.msg, r->says) != NULL, "%s", e.msg);
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oci_layout");
	TCase *t = tcase_create("layout");
	tcase_add_loop_test(t, tags_of_a_layout, 0, sizeof rows / sizeof *rows);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
