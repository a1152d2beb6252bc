/* The pure texts of sources: refspecs, addresses, clean flags. */
#include "executor/clean_flags.h"
#include "executor/refspec.h"
#include "executor/remote_url.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct map_row {
	const char *spec, *name, *local; /* local NULL: name does not match */
};

static const struct map_row maps[] = {
	{ "+refs/heads/main:refs/remotes/origin/main", "refs/heads/main",
	  "refs/remotes/origin/main" },
	{ "+refs/heads/main:refs/remotes/origin/main", "refs/heads/main2", NULL },
	{ "+refs/heads/*:refs/remotes/origin/*", "refs/heads/a/b", "refs/remotes/origin/a/b" },
	{ "+refs/heads/*:refs/remotes/origin/*", "refs/heads/", NULL },
	{ "+refs/heads/*:refs/remotes/origin/*", "refs/tags/v1", NULL },
	{ "refs/tags/*:refs/tags/*", "refs/tags/v1", "refs/tags/v1" },
	{ "+refs/pipelines/7:refs/pipelines/7", "refs/pipelines/7", "refs/pipelines/7" },
	{ "+0123456789012345678901234567890123456789:refs/x/y", "refs/x/y", NULL },
};

START_TEST(test_map)
{
	const struct map_row *row = &maps[_i];
	struct err e = { 0 };
	struct refspec s;
	char out[REF_NAME_MAX];
	ck_assert_int_eq(refspec_parse(&s, row->spec, &e), 0);
	ck_assert_int_eq(refspec_matches(&s, row->name), row->local != NULL);
	if (row->local) {
		ck_assert(refspec_local(&s, row->name, out, sizeof out));
		ck_assert_str_eq(out, row->local);
		ck_assert(!refspec_local(&s, row->name, out, strlen(row->local)));
	}
}
END_TEST

static const char *const bad_specs[] = {
	"",
	"+",
	":",
	"refs/heads/main",
	"+refs/heads/main:",
	"^refs/heads/x:refs/heads/x",
	"+main:refs/heads/main",
	"+refs/heads/main:main",
	"+refs/heads/*:refs/heads/main",
	"+refs/heads/main:refs/heads/*",
	"+refs/heads/a*:refs/heads/a*",
	"+refs/*/x:refs/*/x",
	"+refs/heads/a..b:refs/heads/x",
	"+refs/heads/.a:refs/heads/x",
	"+refs/heads/a.lock:refs/heads/x",
	"+refs/heads/a b:refs/heads/x",
	"+refs/heads/a\n:refs/heads/x",
	"+refs/heads/a@{1}:refs/heads/x",
	"+refs/heads//a:refs/heads/x",
	"+refs/heads/a/:refs/heads/x",
	"+refs/heads/--upload-pack=x y:refs/heads/x",
	"+refs/heads/x:refs/../config",
	"+refs/heads/x:refs/heads/x:refs/y",
	"+0123456789:refs/x/y",
};

START_TEST(test_bad_spec)
{
	struct err e = { 0 };
	struct refspec s;
	ck_assert_msg(refspec_parse(&s, bad_specs[_i], &e) < 0, "accepted: %s", bad_specs[_i]);
	ck_assert(e.msg[0]);
}
END_TEST

START_TEST(test_hash)
{
	const char *one[] = { "ab", "c" }, *two[] = { "a", "bc" };
	ck_assert(refspec_hash(one, 2) != refspec_hash(two, 2));
	ck_assert(refspec_hash(one, 2) == refspec_hash(one, 2));
	ck_assert(refspec_hash(one, 1) != refspec_hash(one, 2));
}
END_TEST

static const char *const good_urls[] = {
	"http://127.0.0.1:8080/group/project.git", "https://gitlab.example.com/g/p.git",
	"HTTPS://GitLab.example.com/~user/p",      "https://[::1]:8443/g/p.git",
	"https://[2001:db8::1]/g/p.git",           "https://h/a%20b/c+d@e.git",
};

START_TEST(test_good_url)
{
	struct err e = { 0 };
	ck_assert_msg(remote_url_check(good_urls[_i], &e) == 0, "%s: %s", good_urls[_i], e.msg);
}
END_TEST

static const char *const bad_urls[] = {
	"",
	"http://",
	"http:///g/p",
	"https://host",
	"https://host/",
	"https://user@host/p",
	"https://user:s3cret@host/p",
	"ssh://git@host/p",
	"git@host:p",
	"file:///etc",
	"/etc",
	"ext::sh -c id",
	"--upload-pack=id",
	"-https://host/p",
	"https://-oProxyCommand=id/p",
	"https://host:99999999/p",
	"https://host:8a/p",
	"https://ho st/p",
	"https://host/p q",
	"https://host/p\n",
	"https://host/p\"",
	"https://host/p'",
	"https://host/`id`",
	"https://host/a/../b",
	"https://host/a/%2e%2E/b",
	"https://host/p?x=y",
	"https://host/p#x",
	"https://host/\xc3\xa4",
	"https://a:b:c/p",
	"https://[::1/p",
	"https://::1/p",
};

START_TEST(test_bad_url)
{
	struct err e = { 0 };
	ck_assert_msg(remote_url_check(bad_urls[_i], &e) < 0, "accepted: %s", bad_urls[_i]);
	ck_assert_ptr_null(strstr(e.msg, "s3cret"));
}
END_TEST

struct resolve_row {
	const char *base, *url, *result; /* result NULL: refused */
	bool https;
};

static const struct resolve_row resolves[] = {
	{ "https://h/g/p.git", "../q.git", "https://h/g/q.git", false },
	{ "https://h/g/p.git/", "../q.git", "https://h/g/q.git", false },
	{ "https://h/g/p.git", "../../x/q.git", "https://h/x/q.git", false },
	{ "https://h/g/p.git", "./q.git", "https://h/g/p.git/q.git", false },
	{ "https://h/g/p.git", "../../../q.git", NULL, false },
	{ "https://h/g/p.git", "..", NULL, false },
	{ "https://h/g/p.git", "../a/../../b", NULL, false },
	{ "https://h/g/p.git", "https://other/x.git", "https://other/x.git", false },
	{ "https://h/g/p.git", "git@other:x/y.git", NULL, false },
	{ "https://h/g/p.git", "git@other:x/y.git", "https://other/x/y.git", true },
	{ "https://h/g/p.git", "git@other:/x/y.git", "https://other/x/y.git", true },
	{ "https://h/g/p.git", "ssh://git@other:22/x.git", "https://other/x.git", true },
	{ "https://h/g/p.git", "ssh://other/x.git", "https://other/x.git", true },
	{ "https://h/g/p.git", "ssh://-oProxyCommand=x/y", NULL, true },
	{ "https://h/g/p.git", "ext::sh -c id", NULL, true },
	{ "https://h/g/p.git", "file:///etc/passwd", NULL, true },
	{ "https://h/g/p.git", "--upload-pack=touch x", NULL, true },
	{ "https://h/g/p.git", "", NULL, false },
	{ "https://h/g/p.git", "/srv/git/x", NULL, false },
};

START_TEST(test_resolve)
{
	const struct resolve_row *row = &resolves[_i];
	struct err e = { 0 };
	autobuf out = BUF(REMOTE_URL_MAX);
	int r = remote_url_resolve(row->base, row->url, row->https, &out, &e);
	ck_assert_int_eq(r, row->result ? 0 : -1);
	ck_assert_str_eq(buf_cstr(&out), row->result ? row->result : "");
}
END_TEST

START_TEST(test_origin)
{
	ck_assert(remote_url_same_origin("https://h/a", "HTTPS://H/b"));
	ck_assert(remote_url_same_origin("https://h:443/a", "https://h/b"));
	ck_assert(remote_url_same_origin("http://h:80/a", "http://h/b"));
	ck_assert(!remote_url_same_origin("http://h/a", "https://h/b"));
	ck_assert(!remote_url_same_origin("https://h:8443/a", "https://h/b"));
	ck_assert(!remote_url_same_origin("https://h/a", "https://h.evil.example/a"));
	ck_assert(!remote_url_same_origin("https://h:80/a", "https://h/b"));
}
END_TEST

struct clean_row {
	const char *text;
	const char *letters; /* of none, nested, dirs, ignored, only_ignored; NULL: refused */
	size_t nkeep;
};

static const struct clean_row cleans[] = {
	{ "", "ndi", 0 },
	{ "  ", "ndi", 0 },
	{ "none", "0", 0 },
	{ "-ffdx", "ndi", 0 },
	{ "-f -d", "d", 0 },
	{ "-ffd -e build/ --exclude=*.o -ecache", "nd", 3 },
	{ "-fdX", "dX", 0 },
	{ "--force --force -q -x", "ni", 0 },
	{ "-ffdx --exclude x", "ndi", 1 },
	{ "-d", NULL, 0 },
	{ "-fxX", NULL, 0 },
	{ "-ffdx -i", NULL, 0 },
	{ "-ffdx --dry-run", NULL, 0 },
	{ "-ffdx -e", NULL, 0 },
	{ "-ffdx --exclude=", NULL, 0 },
	{ "-ffdx src", NULL, 0 },
	{ "none -f", NULL, 0 },
	{ "-ffdx -- x", NULL, 0 },
};

START_TEST(test_clean)
{
	const struct clean_row *row = &cleans[_i];
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct clean_flags f = { 0 };
	char got[8] = "";
	int r = clean_flags_parse(row->text, &a, &f, &e);
	ck_assert_int_eq(r, row->letters ? 0 : -1);
	if (row->letters) {
		snprintf(got, sizeof got, "%s%s%s%s%s", f.none ? "0" : "", f.nested ? "n" : "",
			 f.dirs ? "d" : "", f.ignored ? "i" : "", f.only_ignored ? "X" : "");
		ck_assert_str_eq(got, row->letters);
		ck_assert_uint_eq(f.nkeep, row->nkeep);
	} else {
		ck_assert_ptr_nonnull(strstr(e.msg, "GIT_CLEAN_FLAGS"));
	}
	arena_done(&a);
}
END_TEST

struct keep_row {
	const char *flags, *path;
	bool dir, kept;
};

static const struct keep_row keeps[] = {
	{ "-ffdx -e build/", "build", true, true },
	{ "-ffdx -e build/", "build", false, false },
	{ "-ffdx -e build/", "a/build", true, true },
	{ "-ffdx -e /build", "a/build", true, false },
	{ "-ffdx -e /build", "build", true, true },
	{ "-ffdx -e *.o", "a/b/c.o", false, true },
	{ "-ffdx -e a/*.o", "a/b/c.o", false, false },
	{ "-ffdx -e a/**", "a/b/c.o", false, true },
	{ "-ffdx -e **/x", "x", false, true },
	{ "-ffdx -e **/x", "a/b/x", false, true },
	{ "-ffdx -e *.o -e !c.o", "c.o", false, false },
	{ "-ffdx", "c.o", false, false },
};

START_TEST(test_keep)
{
	const struct keep_row *row = &keeps[_i];
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct clean_flags f;
	ck_assert_int_eq(clean_flags_parse(row->flags, &a, &f, &e), 0);
	ck_assert_int_eq(clean_flags_keep(&f, row->path, row->dir), row->kept);
	arena_done(&a);
}
END_TEST

#define ROWS(t) (sizeof(t) / sizeof *(t))

int main(void)
{
	Suite *s = suite_create("source_text");
	TCase *t = tcase_create("source_text");
	tcase_add_loop_test(t, test_map, 0, ROWS(maps));
	tcase_add_loop_test(t, test_bad_spec, 0, ROWS(bad_specs));
	tcase_add_test(t, test_hash);
	tcase_add_loop_test(t, test_good_url, 0, ROWS(good_urls));
	tcase_add_loop_test(t, test_bad_url, 0, ROWS(bad_urls));
	tcase_add_loop_test(t, test_resolve, 0, ROWS(resolves));
	tcase_add_test(t, test_origin);
	tcase_add_loop_test(t, test_clean, 0, ROWS(cleans));
	tcase_add_loop_test(t, test_keep, 0, ROWS(keeps));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
