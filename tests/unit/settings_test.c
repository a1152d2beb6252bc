#include "executor/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static struct arena arena = ARENA(8 << 20);

START_TEST(come_back_as_they_were)
{
	struct settings s = { .runner_name = "a \"b\" = c",
			      .shell = "bash",
			      .environment = "A=1\nB=two words\n",
			      .pre_build = "echo \\n\n",
			      .output_limit = UINT64_MAX,
			      .alone = 1 };
	struct settings got;
	autobuf text = BUF(1 << 20);
	ck_assert_int_eq(settings_write(&s, &text, &e), 0);
	ck_assert_int_eq(settings_read(buf_cstr(&text), &arena, &got, &e), 0);
	ck_assert_str_eq(got.runner_name, s.runner_name);
	ck_assert_str_eq(got.environment, s.environment);
	ck_assert_str_eq(got.pre_build, s.pre_build);
	ck_assert_str_eq(got.network, "");
	ck_assert_uint_eq(got.output_limit, UINT64_MAX);
	ck_assert_uint_eq(got.alone, 1);
	ck_assert_uint_eq(got.drain_ms, 0);
}
END_TEST

START_TEST(what_is_absent_is_empty)
{
	struct settings got;
	ck_assert_int_eq(settings_read("", &arena, &got, &e), 0);
	ck_assert_str_eq(got.ca_file, "");
	ck_assert_str_eq(got.shell, "");
}
END_TEST

START_TEST(malformed_ones_are_errors)
{
	static const char *const bad[] = {
		"nonsense=1\n", "shell\n",           "shell=\"a\n",    "output_limit=x\n", "=\n",
		"shell=a b\n",  "output_limit=-1\n", "shell=\"a\"b\n", "drain_ms=\n"
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct settings got;
		struct err why = { 0 };
		ck_assert_msg(settings_read(bad[i], &arena, &got, &why) == -1, "%s", bad[i]);
		ck_assert_msg(strstr(why.msg, "settings: ") == why.msg, "%s", why.msg);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("settings");
	tcase_add_test(t, come_back_as_they_were);
	tcase_add_test(t, what_is_absent_is_empty);
	tcase_add_test(t, malformed_ones_are_errors);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
