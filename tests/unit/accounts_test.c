#include "sandbox/accounts.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "odd:x:-1:5::/:\n"
			     "node:x:1000:1001::/home/node:/bin/sh\n"
			     "1000:x:5:6::/n:\n"
			     "rel:x:7:7::home:/bin/sh\n"
			     "last:x:9:9::/l";
static const char group[] =
	"root:x:0:\nnode:x:1001:\nextra:x:44:foo,node\nmore:x:45:node,\nnot:x:46:nodes\n";

struct row {
	const char *user;
	uint32_t uid, gid;
	const char *home;
	size_t ngroups;
};

static const struct row rows[] = {
	{ "", 0, 0, "/root", 0 },
	{ "root", 0, 0, "/root", 0 },
	{ "node", 1000, 1001, "/home/node", 2 },
	{ "1000", 1000, 1001, "/home/node", 2 },
	{ "node:extra", 1000, 44, "/home/node", 0 },
	{ "node:0", 1000, 0, "/home/node", 0 },
	{ "node:", 1000, 1001, "/home/node", 2 },
	{ "4711", 4711, 0, "/", 0 },
	{ "4711:4712", 4711, 4712, "/", 0 },
	{ "rel", 7, 7, "/", 0 },
	{ "last", 9, 9, "/l", 0 },
};

START_TEST(who_a_user_is)
{
	const struct row *r = &rows[_i];
	struct account a;
	struct err e = { 0 };
	ck_assert_msg(account_find(r->user, passwd, group, &a, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(a.uid, r->uid);
	ck_assert_uint_eq(a.gid, r->gid);
	ck_assert_str_eq(a.home, r->home);
	ck_assert_uint_eq(a.ngroups, r->ngroups);
}
END_TEST

struct bad {
	const char *user, *says;
};

static const struct bad bads[] = {
	{ "nobody", "user \"nobody\" is not in the image's /etc/passwd" },
	{ "odd", "user \"odd\"" },
	{ "broken", "user \"broken\"" },
	{ "-1", "user \"-1\"" },
	{ "4294967295", "user" },
	{ "node:none", "group \"none\" is not in the image's /etc/group" },
};

START_TEST(who_is_nobody)
{
	struct account a;
	struct err e = { 0 };
	ck_assert_int_lt(account_find(bads[_i].user, passwd, group, &a, &e), 0);
	ck_assert_int_eq(e.code, ENOENT);
	ck_assert_msg(strstr(e.msg, bads[_i].says) != NULL, "%s", e.msg);
}
END_TEST

START_TEST(without_files_numbers_count)
{
	struct account a;
	struct err e = { 0 };
	ck_assert_int_eq(account_find("", "", "", &a, &e), 0);
	ck_assert_uint_eq(a.uid, 0);
	ck_assert_str_eq(a.home, "/");
	ck_assert_int_lt(account_find("node", "", "", &a, &e), 0);
}
END_TEST

START_TEST(groups_have_an_end)
{
	static char many[64 << 10];
	struct account a;
	struct err e = { 0 };
	size_t at = 0;
	for (int i = 0; i < 100; i++)
		at += (size_t)snprintf(many + at, sizeof many - at, "g%d:x:%d:node\n", i, 2000 + i);
	ck_assert_int_eq(account_find("node", passwd, many, &a, &e), 0);
	ck_assert_uint_eq(a.ngroups, ACCOUNT_GROUPS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("accounts");
	TCase *t = tcase_create("accounts");
	tcase_add_loop_test(t, who_a_user_is, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, who_is_nobody, 0, sizeof bads / sizeof *bads);
	tcase_add_test(t, without_files_numbers_count);
	tcase_add_test(t, groups_have_an_end);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
