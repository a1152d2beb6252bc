#include "executor/flags.h"

#include "executor/vars_default.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static struct arena arena;
static struct vars *vars;

static void setup(void)
{
	arena = (struct arena)ARENA(8 << 20);
	vars = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(vars);
}

static void teardown(void)
{
	arena_done(&arena);
}

static const char *check_flags(const char *config)
{
	struct buf warnings = BUF(4096);
	ck_assert_int_eq(flags_check(vars, config, &warnings, &e), 0);
	char *copy = arena_strdup(&arena, buf_cstr(&warnings), &e);
	buf_done(&warnings);
	return copy;
}

START_TEST(have_defaults)
{
	ck_assert_int_eq(flags_define(vars, &e), 0);
	ck_assert_str_eq(check_flags(""), "");
	ck_assert(flags_on(vars, "FF_TIMESTAMPS"));
	ck_assert(!flags_on(vars, "FF_SCRIPT_SECTIONS"));
}
END_TEST

START_TEST(the_job_says_otherwise_and_the_operator_outweighs_it)
{
	ck_assert_int_eq(flags_define(vars, &e), 0);
	ck_assert_int_eq(vars_set(vars, "FF_TIMESTAMPS", "F", VAR_PUBLIC, &e), 0);
	ck_assert_int_eq(vars_set(vars, "FF_SCRIPT_SECTIONS", "1", VAR_PUBLIC, &e), 0);
	ck_assert_str_eq(check_flags("FF_SCRIPT_SECTIONS=false\nFF_UNKNOWN=true"), "");
	ck_assert(!flags_on(vars, "FF_TIMESTAMPS"));
	ck_assert(!flags_on(vars, "FF_SCRIPT_SECTIONS"));
}
END_TEST

START_TEST(what_is_no_boolean_is_said)
{
	ck_assert_int_eq(flags_define(vars, &e), 0);
	ck_assert_int_eq(vars_set(vars, "FF_TIMESTAMPS", "perhaps", VAR_PUBLIC, &e), 0);
	ck_assert_str_eq(check_flags("FF_TIMESTAMPS=neither"),
			 "FF_TIMESTAMPS: \"perhaps\" is neither true nor false: true is used\n");
	ck_assert(flags_on(vars, "FF_TIMESTAMPS"));
}
END_TEST

START_TEST(variables_come_in_their_order)
{
	const struct job_var mine[] = {
		{ .key = "CI_SERVER", .value = "mine" },
		{ .key = "CI_PROJECT_DIR", .value = "mine" },
		{ .key = "OPERATOR", .value = "mine" },
	};
	const struct job job = { .vars = mine, .nvars = 3 };
	const struct vars_facts facts = {
		.builds_dir = "/b",
		.project_dir = "/b/p",
		.temp_dir = "/b/p.tmp",
		.timeout_s = 60,
		.short_token = "s",
		.version = "9",
		.tls_ca = "CA",
		.environment = "OPERATOR=op\nSECOND=$OPERATOR\nnonsense",
	};
	ck_assert_int_eq(vars_default(vars, &job, &facts, &e), 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_str_eq(vars_get(vars, "CI_SERVER"), "mine");
	ck_assert_str_eq(vars_get(vars, "CI_PROJECT_DIR"), "/b/p");
	ck_assert_str_eq(vars_get(vars, "OPERATOR"), "mine");
	ck_assert_str_eq(vars_get(vars, "SECOND"), "mine");
	ck_assert_str_eq(vars_get(vars, "CI_JOB_TIMEOUT"), "60");
	ck_assert_str_eq(vars_get(vars, "GITLAB_ENV"), "/b/p.tmp/gitlab_runner_env");
	ck_assert_str_eq(vars_get(vars, "CI_SERVER_TLS_CA_FILE"), "/b/p.tmp/CI_SERVER_TLS_CA_FILE");
	ck_assert_str_eq(vars_get(vars, "CI_RUNNER_VERSION"), "9");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flags");
	TCase *t = tcase_create("flags");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, have_defaults);
	tcase_add_test(t, the_job_says_otherwise_and_the_operator_outweighs_it);
	tcase_add_test(t, what_is_no_boolean_is_said);
	tcase_add_test(t, variables_come_in_their_order);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
