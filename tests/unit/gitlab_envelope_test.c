#include "protocol/gitlab_envelope.h"

#include "base/fd.h"

#include <check.h>
#include <string.h>

static struct gitlab_envelope env;
static struct err e;

static int take(const char *text)
{
	return gitlab_envelope(text, strlen(text), &env, &e);
}

START_TEST(whole_payloads)
{
	autobuf b = BUF(1 << 20);
	ck_assert_int_eq(fd_read_file("tests/unit/vectors/payload-full.json", &b, &e), 0);
	ck_assert_int_eq(gitlab_envelope(b.p, b.len, &env, &e), 0);
	ck_assert_uint_eq(env.id, 8812345678);
	ck_assert_str_eq(env.token, "glcbt-64_aBcDeFgHiJkLmNoPqRsT");
	ck_assert_uint_eq(env.project_id, 77);
	ck_assert_str_eq(env.project_path, "company/web/shop");
	ck_assert(env.protected_ref);
	ck_assert_uint_eq(env.timeout_s, 0);
}
END_TEST

/* Cut at any byte: what is found is right, and never a part of it. */
START_TEST(cut_payloads)
{
	static const char text[] =
		"{ \"id\": 12, \"variables\": [{\"id\": 9}], \"token\": \"tok\","
		"\"runner_info\":{\"timeout\":60}, \"git_info\":{\"protected\":true,"
		"\"x\":\"\\\"}\"},\"job_info\":{\"project_id\":5,"
		"\"project_full_path\":\"a\\/b\"}}";
	for (size_t n = 0; n < sizeof text; n++) {
		int r = gitlab_envelope(text, n, &env, &e);
		ck_assert(env.id == 0 || env.id == 12);
		ck_assert(!*env.token || strcmp(env.token, "tok") == 0);
		ck_assert(!env.project_id || env.project_id == 5);
		ck_assert(!env.timeout_s || env.timeout_s == 60);
		ck_assert(!*env.project_path || strcmp(env.project_path, "a/b") == 0);
		ck_assert_int_eq(r, env.id && *env.token ? 0 : -1);
	}
	ck_assert_str_eq(env.project_path, "a/b");
	ck_assert(env.protected_ref);
}
END_TEST

static const struct row {
	const char *text, *want; /* "" : fine */
	uint64_t id;
	const char *token;
} rows[] = {
	{ "", "payload: not a JSON object", 0, "" },
	{ "[1]", "payload: not a JSON object", 0, "" },
	{ "{}", "payload: no id", 0, "" },
	{ "{\"id\":1}", "payload: no token", 1, "" },
	{ "{\"token\":\"t\"}", "payload: no id", 0, "t" },
	{ "{\"id\":1,\"token\":\"t\" garbage", "", 1, "t" },
	{ "{\"id\":\"1\",\"token\":\"t\"}", "payload: no id", 0, "t" },
	{ "{\"id\":-1,\"token\":\"t\"}", "payload: no id", 0, "t" },
	{ "{\"id\":1.5,\"token\":\"t\"}", "payload: no id", 0, "t" },
	{ "{\"id\":1,\"token\":[\"t\"],\"x\":1}", "payload: no token", 1, "" },
	{ "{\"id\":1,\"token\":\"a\\nb\"}", "payload: no token", 1, "" },
	{ "{\"id\":1,\"token\":\"a\tb\"}", "payload: no token", 1, "" },
	{ "{\"x\":{\"id\":7,\"token\":\"no\"},\"id\":1,\"token\":\"t\"}", "", 1, "t" },
	{ "{\"x\":\"\\\\\",\"id\":1,\"token\":\"t\"}", "", 1, "t" },
	{ "{\"x\":]]]],\"id\":1,\"token\":\"t\"}", "payload: no id", 0, "" },
	{ "{\"job_info\":null,\"git_info\":[],\"id\":1,\"token\":\"t\"}", "", 1, "t" },
};

START_TEST(broken_payloads)
{
	e = (struct err){ 0 };
	ck_assert_int_eq(take(rows[_i].text), *rows[_i].want ? -1 : 0);
	ck_assert_str_eq(e.msg, rows[_i].want);
	ck_assert_uint_eq(env.id, rows[_i].id);
	ck_assert_str_eq(env.token, rows[_i].token);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_envelope");
	TCase *t = tcase_create("envelope");
	tcase_add_test(t, whole_payloads);
	tcase_add_test(t, cut_payloads);
	tcase_add_loop_test(t, broken_payloads, 0, sizeof rows / sizeof *rows);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
