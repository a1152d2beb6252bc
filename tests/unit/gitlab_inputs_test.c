#include "protocol/gitlab_inputs.h"

#include <check.h>
#include <string.h>

static struct arena arena;
static struct err e;
static json_t *inputs;

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
	e = (struct err){ 0 };
	inputs = json_loads(
		"[{\"key\": \"name\", \"value\": {\"type\": \"string\", \"content\": \"first\"}},"
		"{\"key\": \"name\", \"value\": {\"type\": \"string\", \"content\": \"fred }}\"}},"
		"{\"key\": \"age\", \"value\": {\"type\": \"number\", \"content\": 41}},"
		"{\"key\": \"half\", \"value\": {\"type\": \"number\", \"content\": 0.5}},"
		"{\"key\": \"on\", \"value\": {\"type\": \"boolean\", \"content\": true}},"
		"{\"key\": \"my-list\", \"value\": {\"type\": \"array\", \"content\": [\"a\", {\"b\": [7]}]}},"
		"{\"key\": \"pw\", \"value\": {\"type\": \"string\", \"content\": \"123456\","
		" \"sensitive\": true}}]",
		0, NULL);
	ck_assert_ptr_nonnull(inputs);
}

static void teardown(void)
{
	json_decref(inputs);
	arena_done(&arena);
}

static const struct row {
	const char *text, *want;
} rows[] = {
	{ "plain", "plain" },
	{ "${{ job.inputs.name }}", "fred }}" },
	{ "${{job.inputs.name}}${{ job.inputs.age }}!", "fred }}41!" },
	{ "${{ job.inputs.half }} ${{ job.inputs.on }}", "0.5 true" },
	{ "${{ str( job.inputs.age ) }}", "41" },
	{ "${{ job.inputs.my-list }}", "[\"a\",{\"b\":[7]}]" },
	{ "${{ job.inputs.my-list[0] }}", "a" },
	{ "${{ job.inputs.my-list[1].b[0] }}", "7" },
	{ "\\${{ job.inputs.name }}", "${{ job.inputs.name }}" },
	{ "${{ 1 + 2 }} ${{ env.X }}", "${{ 1 + 2 }} ${{ env.X }}" },
	{ "${{ job.inputs.name", "${{ job.inputs.name" },
	{ "$ {{ ${ }} ${{}}", "$ {{ ${ }} ${{}}" },
};

START_TEST(expanded)
{
	const char *got = gitlab_inputs_expand(inputs, rows[_i].text, &arena, &e);
	ck_assert_msg(got != NULL, "%s", e.msg);
	ck_assert_str_eq(got, rows[_i].want);
}
END_TEST

static const struct row refusals[] = {
	{ "${{ job.inputs.nope }}", "the job has no input \"nope\"" },
	{ "${{ job.inputs.pw }}",
	  "input \"pw\": sensitive inputs are unsupported in interpolations yet" },
	{ "${{ job.inputs. }}", "no name after \"job.inputs.\"" },
	{ "${{ job.inputs.name + 1 }}", "job.inputs.name + 1: cannot be resolved" },
	{ "${{ job.inputs.name.x }}", "job.inputs.name.x: cannot be resolved" },
	{ "${{ job.inputs.my-list[2] }}", "job.inputs.my-list[2]: cannot be resolved" },
	{ "${{ job.inputs.my-list[x] }}", "job.inputs.my-list[x]: cannot be resolved" },
	{ "${{ job.inputs.my-list[0 }}", "job.inputs.my-list[0: cannot be resolved" },
	{ "${{ job.inputs.my-list[9999999999] }}",
	  "job.inputs.my-list[9999999999]: cannot be resolved" },
	{ "${{ 1 + job.inputs.age }}", "an expression that is more than a reference to an input" },
};

START_TEST(refused)
{
	ck_assert_ptr_null(gitlab_inputs_expand(inputs, refusals[_i].text, &arena, &e));
	ck_assert_str_eq(e.msg, refusals[_i].want);
}
END_TEST

/* Values are not looked into again, and without inputs nothing is touched. */
START_TEST(left_alone)
{
	json_t *none = json_array();
	const char *text = "${{ job.inputs.name }}";
	ck_assert_ptr_eq(gitlab_inputs_expand(none, text, &arena, &e), text);
	json_decref(none);
}
END_TEST

static const struct row malformed[] = {
	{ "3", "not a list" },
	{ "[3]", "[0]: not an object" },
	{ "[{\"key\": \"a\", \"value\": 3}]", "[0].value: not an object" },
	{ "[{\"key\": \"a\", \"value\": {\"type\": 3, \"content\": 3}}]",
	  "[0].value.type: not one of: string, number, boolean, array, struct" },
	{ "[{\"key\": \"a\", \"value\": {\"type\": \"number\", \"content\": 3, \"sensitive\": 1}}]",
	  "[0].value.sensitive: not true or false" },
};

START_TEST(checked)
{
	json_t *j = json_loads(malformed[_i].text, JSON_DECODE_ANY, NULL);
	struct json_at at = { .value = j };
	ck_assert_int_eq(gitlab_inputs_check(&at, &e), -1);
	ck_assert_str_eq(e.msg, malformed[_i].want);
	json_decref(j);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_inputs");
	TCase *t = tcase_create("inputs");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, expanded, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, refused, 0, sizeof refusals / sizeof *refusals);
	tcase_add_test(t, left_alone);
	tcase_add_loop_test(t, checked, 0, sizeof malformed / sizeof *malformed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
