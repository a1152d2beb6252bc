/* An action.yml as data: what is read, what is refused, each with its place. */
#include "protocol/action_read.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;

static void setup(void)
{
	arena = (struct arena)ARENA(16 << 20);
	e = (struct err){ 0 };
}

static void teardown(void)
{
	arena_done(&arena);
}

static const struct job_action *reads(const char *text)
{
	return action_read(text, strlen(text), &arena, &e);
}

START_TEST(a_composite_action)
{
	const struct job_action *a = reads(
		"name: n\ninputs:\n  a: {default: 1, required: true}\n  b:\n"
		"  c: {deprecationMessage: old}\noutputs: {o: {value: '${{ steps.s.outputs.v }}'}, p: }\n"
		"runs:\n  using: composite\n  steps:\n  - id: s\n    run: x\n    shell: sh\n"
		"  - uses: ./b\n    with: {c: d}\n");
	ck_assert_msg(a != NULL, "%s", e.msg);
	ck_assert_int_eq(a->kind, JOB_ACTION_COMPOSITE);
	ck_assert_str_eq(a->name, "n");
	ck_assert_str_eq(a->refusal, "");
	ck_assert_uint_eq(a->ninputs, 3);
	ck_assert_str_eq(a->inputs[0].value.text, "1");
	ck_assert(a->inputs[0].required && !a->inputs[1].required);
	ck_assert_uint_eq(a->inputs[1].value.line, 0);
	ck_assert_str_eq(a->inputs[2].deprecation, "old");
	ck_assert_uint_eq(a->outputs.n, 2);
	ck_assert_uint_eq(a->outputs.pairs[0].value.line, 6);
	ck_assert_str_eq(a->outputs.pairs[1].value.text, "");
	ck_assert_uint_eq(a->nruns, 2);
	ck_assert_str_eq(a->runs[1].with.pairs[0].key, "c");
}
END_TEST

START_TEST(an_action_of_docker)
{
	const struct job_action *a = reads(
		"runs: {using: docker, image: 'docker://a/b:1', args: [x, 2, '${{ y }}'], entrypoint: "
		"/e, pre-entrypoint: /a, post-entrypoint: /z, post-if: failure(), env: {A: 1}}");
	ck_assert_msg(a != NULL, "%s", e.msg);
	ck_assert_int_eq(a->kind, JOB_ACTION_IMAGE);
	ck_assert_str_eq(a->refusal, "");
	ck_assert_str_eq(a->image, "a/b:1");
	ck_assert_uint_eq(a->nargs, 3);
	ck_assert_str_eq(a->args[1].text, "2");
	ck_assert_str_eq(a->entrypoint.text, "/e");
	ck_assert_str_eq(a->main.text, "");
	ck_assert_str_eq(a->pre.text, "/a");
	ck_assert_str_eq(a->post.text, "/z");
	ck_assert_str_eq(a->post_if.text, "failure()");
	ck_assert_str_eq(a->env.pairs[0].value.text, "1");
	a = reads("runs: {using: docker, image: 'docker://a'}");
	ck_assert_uint_eq(a->nargs, 0);
	ck_assert_uint_eq(a->entrypoint.line, 0);
	ck_assert_str_eq(a->entrypoint.text, "");
	ck_assert_ptr_null(reads("runs: {using: docker}"));
	ck_assert_str_eq(e.msg, "1:7: an action of docker needs `image:`");
	ck_assert_ptr_null(reads("runs: {using: docker, image: 'docker://a', args: [[x]]}"));
}
END_TEST

START_TEST(an_action_of_node)
{
	const struct job_action *a = reads(
		"runs: {using: node20, main: ./dist/index.js, post: p.js, "
		"post-if: success(), pre: a/b.js}");
	ck_assert_msg(a != NULL, "%s", e.msg);
	ck_assert_int_eq(a->kind, JOB_ACTION_NODE);
	ck_assert_str_eq(a->using, "node20");
	ck_assert_str_eq(a->main.text, "dist/index.js");
	ck_assert_str_eq(a->pre.text, "a/b.js");
	ck_assert_str_eq(a->post.text, "p.js");
	ck_assert_str_eq(a->post_if.text, "success()");
	ck_assert_str_eq(a->pre_if.text, "");
	ck_assert_str_eq(a->name, "");
}
END_TEST

struct row {
	const char *text, *why;
};

static const struct row refused[] = {
	{ "runs: {using: docker, image: Dockerfile}",
	  "line 1, column 30: an action that is built from a Dockerfile is not supported" },
	{ "runs: {using: docker, image: 'docker://'}",
	  "line 1, column 30: an action that is built from a Dockerfile is not supported" },
	{ "runs: {using: python3}",
	  "line 1, column 15: only composite, node and docker actions are supported" },
};

START_TEST(what_is_not_run_has_a_place)
{
	const struct job_action *a = reads(refused[_i].text);
	ck_assert_msg(a != NULL, "%s", e.msg);
	ck_assert_str_eq(a->refusal, refused[_i].why);
}
END_TEST

static const struct row wrong[] = {
	{ "", "1:1: an action is expected to be a mapping" },
	{ "[x]", "1:1: an action is expected to be a mapping" },
	{ "name: x", "1:1: an action needs `runs:` with `using:`" },
	{ "runs: x", "1:7: an action needs `runs:` with `using:`" },
	{ "runs: {using: [x]}", "1:7: an action needs `runs:` with `using:`" },
	{ "runs: {using: composite}", "1:7: a composite action needs `steps:`" },
	{ "runs: {using: composite, steps: x}", "1:33: steps are expected to be a list" },
	{ "runs: {using: composite, steps: [{run: x}]}",
	  "1:34: a `run:` of an action needs `shell:`" },
	{ "runs: {using: composite, steps: [{shell: sh}]}",
	  "1:34: a step needs `run:` or `uses:`" },
	{ "runs: {using: node20}", "1:7: an action of node needs `main:`" },
	{ "runs: {using: node20, main: /x}", "1:29: a file of the action is expected" },
	{ "runs: {using: node20, main: a/../../x}", "1:29: a file of the action is expected" },
	{ "runs: {using: node20, main: [x]}", "1:29: a text is expected" },
	{ "inputs: [x]", "1:9: a mapping is expected" },
	{ "inputs: {a: x}", "1:13: an input is expected to be a mapping" },
	{ "inputs: {a: {default: [x]}}", "1:23: a text is expected" },
	{ "outputs: {a: x}", "1:14: an output is expected to be a mapping" },
};

START_TEST(what_is_no_action_has_a_place)
{
	ck_assert_ptr_null(reads(wrong[_i].text));
	ck_assert_str_eq(e.msg, wrong[_i].why);
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof *(rows)))

int main(void)
{
	Suite *s = suite_create("action_read");
	TCase *t = tcase_create("action_read");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_composite_action);
	tcase_add_test(t, an_action_of_docker);
	tcase_add_test(t, an_action_of_node);
	tcase_add_loop_test(t, what_is_not_run_has_a_place, 0, ROWS(refused));
	tcase_add_loop_test(t, what_is_no_action_has_a_place, 0, ROWS(wrong));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
