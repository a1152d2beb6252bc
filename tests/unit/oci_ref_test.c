#include "protocol/oci_ref.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX

struct good {
	const char *text, *host, *repo, *tag, *digest, *whole;
};

static const struct good goods[] = {
	{ "debian", "docker.io", "library/debian", "latest", "",
	  "docker.io/library/debian:latest" },
	{ "debian:12-slim", "docker.io", "library/debian", "12-slim", "",
	  "docker.io/library/debian:12-slim" },
	{ "a/b", "docker.io", "a/b", "latest", "", "docker.io/a/b:latest" },
	{ "docker.io/debian", "docker.io", "library/debian", "latest", "",
	  "docker.io/library/debian:latest" },
	{ "index.docker.io/library/x:1", "docker.io", "library/x", "1", "",
	  "docker.io/library/x:1" },
	{ "localhost/x", "localhost", "x", "latest", "", "localhost/x:latest" },
	{ "localhost:5000/a/b__c/d-e.f:v1.2_3", "localhost:5000", "a/b__c/d-e.f", "v1.2_3", "",
	  "localhost:5000/a/b__c/d-e.f:v1.2_3" },
	{ "[::1]:5000/x", "[::1]:5000", "x", "latest", "", "[::1]:5000/x:latest" },
	{ "r.example/x@" DIGEST, "r.example", "x", "", DIGEST, "r.example/x@" DIGEST },
	{ "r.example:8/x:t@" DIGEST, "r.example:8", "x", "t", DIGEST, "r.example:8/x:t@" DIGEST },
	{ "a---b", "docker.io", "library/a---b", "latest", "", "docker.io/library/a---b:latest" },
};

START_TEST(names_come_into_one_form)
{
	const struct good *g = &goods[_i];
	struct arena a = ARENA(1 << 16);
	struct err e = { 0 };
	struct oci_ref r;
	ck_assert_msg(oci_ref_parse(g->text, &a, &r, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(r.host, g->host);
	ck_assert_str_eq(r.repo, g->repo);
	ck_assert_str_eq(r.tag, g->tag);
	ck_assert_str_eq(r.digest, g->digest);
	ck_assert_str_eq(r.text, g->whole);
	ck_assert_str_eq(oci_ref_wanted(&r), g->digest[0] ? g->digest : g->tag);
	arena_done(&a);
}
END_TEST

struct bad {
	const char *text, *says;
};

static const struct bad bads[] = {
	{ "", "no name" },
	{ "Debian", "capital letter" },
	{ "a b", "not a part" },
	{ "../etc", "not a host" },
	{ "a//b", "not a part" },
	{ "a/../b", "not a part" },
	{ "/etc/passwd", "not a part" },
	{ "a/", "not a part" },
	{ "r.example/", "no name" },
	{ "x:", "not a tag" },
	{ "x:-t", "not a tag" },
	{ "x:a b", "not a tag" },
	{ "x:a/b", "not a host" },
	{ "x@sha256:12", "its digest" },
	{ "x@md5:" HEX, "its digest" },
	{ "x@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
	  "its digest" },
	{ "x@" DIGEST "0", "its digest" },
	{ "r.example:0/x", "not a host" },
	{ "r.example:70000/x", "not a host" },
	{ "-r.example/x", "not a host" },
	{ "r$(id).example/x", "not a host" },
	{ "user:pass@r.example/x", "its digest" },
	{ "a\nb", "control byte" },
	{ "a..b/c:1", "not a host" },
	{ "x/a_-b", "not a part" },
	{ "https://r.example/x", "not a host" },
};

START_TEST(what_is_no_name_is_refused_with_words)
{
	struct arena a = ARENA(1 << 16);
	struct err e = { 0 };
	struct oci_ref r = { .host = "untouched" };
	ck_assert_msg(oci_ref_parse(bads[_i].text, &a, &r, &e) < 0, "%s", bads[_i].text);
	ck_assert_msg(strstr(e.msg, bads[_i].says) != NULL, "\"%s\": %s", bads[_i].text, e.msg);
	ck_assert_str_eq(r.host, "untouched");
	arena_done(&a);
}
END_TEST

START_TEST(lengths_have_an_end)
{
	static char text[OCI_REF_MAX + 2];
	struct arena a = ARENA(1 << 16);
	struct err e = { 0 };
	struct oci_ref r;
	memset(text, 'a', 256);
	ck_assert_int_lt(oci_ref_parse(text, &a, &r, &e), 0);
	memset(text, 'a', sizeof text - 1);
	ck_assert_int_lt(oci_ref_parse(text, &a, &r, &e), 0);
	snprintf(text, sizeof text, "x:%0*d", 129, 1);
	ck_assert_int_lt(oci_ref_parse(text, &a, &r, &e), 0);
	snprintf(text, sizeof text, "x:%0*d", 128, 1);
	ck_assert_int_eq(oci_ref_parse(text, &a, &r, &e), 0);
	arena_done(&a);
}
END_TEST

START_TEST(docker_io_answers_elsewhere)
{
	struct arena a = ARENA(1 << 16);
	struct err e = { 0 };
	struct oci_ref r;
	ck_assert_int_eq(oci_ref_parse("debian", &a, &r, &e), 0);
	ck_assert_str_eq(oci_ref_server(&r), "registry-1.docker.io");
	ck_assert_int_eq(oci_ref_parse("r.example/debian", &a, &r, &e), 0);
	ck_assert_str_eq(oci_ref_server(&r), "r.example");
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oci_ref");
	TCase *t = tcase_create("ref");
	tcase_add_loop_test(t, names_come_into_one_form, 0, sizeof goods / sizeof *goods);
	tcase_add_loop_test(t, what_is_no_name_is_refused_with_words, 0,
			    sizeof bads / sizeof *bads);
	tcase_add_test(t, lengths_have_an_end);
	tcase_add_test(t, docker_io_answers_elsewhere);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
