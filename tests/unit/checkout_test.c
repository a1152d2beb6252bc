#include "executor/checkout.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHA "85fe183e670b3c94e607e5525a08560f2f638d54"

static const struct job_sources own = {
	.url = "https://git.example.org/boss/demo.git",
	.user = "x-access-token",
	.token = "job-token",
	.ref = "refs/heads/main",
	.sha = SHA,
	.before_sha = "",
	.object_format = "sha1",
};
static struct checkout_job job = {
	.own = &own,
	.repository = "boss/demo",
	.server_url = "https://git.example.org",
	.workspace = "/builds/boss/demo",
};

static struct arena arena;
static struct checkout c;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
	job.ninputs = 0;
	err_clear(&e);
}

static void teardown(void)
{
	arena_done(&arena);
}

static int read_one(const char *name, const char *value)
{
	static struct checkout_input in;
	in = (struct checkout_input){ name, value };
	err_clear(&e);
	job.inputs = &in;
	job.ninputs = 1;
	return checkout_read(&job, &arena, &c, &e);
}

START_TEST(nothing_is_the_job_itself)
{
	ck_assert_int_eq(checkout_read(&job, &arena, &c, &e), 0);
	ck_assert_str_eq(c.from.url, own.url);
	ck_assert_str_eq(c.from.sha, SHA);
	ck_assert_str_eq(c.from.token, "job-token");
	ck_assert_str_eq(c.tree, "/builds/boss/demo");
	ck_assert_uint_eq(c.from.nrefspecs, 1);
	ck_assert_str_eq(c.from.refspecs[0], "+" SHA ":refs/remotes/origin/main");
	ck_assert(c.whose == FETCH_OWN && !c.keep_token && !c.says_persist && !c.plan.kept);
	ck_assert_uint_eq(c.plan.depth, 1);
	ck_assert_str_eq(c.warnings, "");
}
END_TEST

START_TEST(other_repositories)
{
	ck_assert_int_eq(read_one("Repository", "boss/other"), 0);
	ck_assert_str_eq(c.from.url, "https://git.example.org/boss/other.git");
	ck_assert_str_eq(c.from.ref, "HEAD");
	ck_assert_str_eq(c.from.sha, "");
	ck_assert_str_eq(c.from.token, "job-token");
	ck_assert(c.whose == FETCH_OTHERS);
	ck_assert_int_eq(read_one("repository", "Boss/Demo"), 0);
	ck_assert(c.whose == FETCH_OWN);
	ck_assert_int_eq(read_one("github-server-url", "https://elsewhere.example.org/"), 0);
	ck_assert_str_eq(c.from.url, "https://elsewhere.example.org/boss/demo.git");
	ck_assert_str_eq(c.from.token, ""); /* the job's token stays at its own server */
	ck_assert(c.whose == FETCH_PUBLIC);
	ck_assert_int_eq(read_one("token", ""), 0);
	ck_assert_str_eq(c.from.token, "");
}
END_TEST

START_TEST(refs)
{
	const char *full = "1234567890123456789012345678901234567890";
	ck_assert_int_eq(read_one("ref", full), 0);
	ck_assert_str_eq(c.from.sha, full);
	ck_assert_uint_eq(c.from.nrefspecs, 0);
	ck_assert_int_eq(read_one("ref", "v1"), 0);
	ck_assert_str_eq(c.from.sha, "");
	ck_assert_str_eq(c.from.ref, "v1");
	ck_assert_int_eq(read_one("fetch-depth", "0"), 0);
	ck_assert_uint_eq(c.from.nrefspecs, 2);
	ck_assert_int_eq(read_one("fetch-depth", "no number"), 0);
	ck_assert_uint_eq(c.plan.depth, 0);
}
END_TEST

struct row {
	const char *value, *tree;
};

START_TEST(paths)
{
	static const struct row rows[] = {
		{ "", "/builds/boss/demo" },
		{ ".", "/builds/boss/demo" },
		{ "./a//b/", "/builds/boss/demo/a/b" },
		{ "/builds/boss/demo/c", "/builds/boss/demo/c" },
		{ "/builds/boss/demo", "/builds/boss/demo" },
		{ "/builds/boss/demolition", NULL },
		{ "/etc", NULL },
		{ "a/../../b", NULL },
		{ "..", NULL },
		{ "...", "/builds/boss/demo/..." },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int r = read_one("path", rows[i].value);
		ck_assert_msg((r == 0) == (rows[i].tree != NULL), "%s", rows[i].value);
		if (rows[i].tree)
			ck_assert_str_eq(c.tree, rows[i].tree);
	}
}
END_TEST

START_TEST(words_and_flags)
{
	ck_assert_int_eq(read_one("submodules", "TRUE"), 0);
	ck_assert(c.plan.modules == MODULES_NORMAL && c.plan.force_https);
	ck_assert_int_eq(read_one("submodules", "recursive"), 0);
	ck_assert(c.plan.modules == MODULES_RECURSIVE);
	ck_assert_int_eq(read_one("clean", "false"), 0);
	ck_assert(c.plan.kept);
	ck_assert_str_eq(c.plan.clean, "none");
	ck_assert_int_eq(read_one("persist-credentials", "true"), 0);
	ck_assert(c.keep_token && c.says_persist);
	ck_assert_int_eq(read_one("fetch-tags", "true"), 0);
	ck_assert(c.plan.tags);
	ck_assert_int_eq(read_one("what", "x"), 0);
	ck_assert_ptr_nonnull(strstr(c.warnings, "Unexpected input \"what\""));
	ck_assert_int_eq(read_one("ssh-user", "x"), 0);
	ck_assert_str_eq(c.warnings, "");
	ck_assert_int_eq(read_one("lfs", "false"), 0);
}
END_TEST

START_TEST(refusals)
{
	static const char *const rows[][2] = { { "lfs", "true" },
					       { "sparse-checkout", "a/*.c" },
					       { "ssh-key", "k" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(read_one(rows[i][0], rows[i][1]), -1);
		ck_assert_int_eq(e.code, EOPNOTSUPP);
		ck_assert_ptr_nonnull(strstr(e.msg, rows[i][0]));
	}
	ck_assert_int_eq(read_one("repository", "one/two/three"), -1);
	ck_assert_int_eq(read_one("repository", "user@host/x"), -1);
	ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("checkout");
	TCase *t = tcase_create("checkout");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_is_the_job_itself);
	tcase_add_test(t, other_repositories);
	tcase_add_test(t, refs);
	tcase_add_test(t, paths);
	tcase_add_test(t, words_and_flags);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
