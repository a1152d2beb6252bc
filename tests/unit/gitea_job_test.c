/* A task of a Gitea server as a job: what is read, what is refused with its place, what is no error. */
#include "protocol/base64.h"
#include "protocol/gitea_job.h"
#include "protocol/job_workflow.h"
#include "protocol/workflow_read.h"

#include <check.h>
#include <stdio.h>
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

/* --- base64 --- */

struct code_row {
	const char *text, *want; /* NULL: none */
};

static const struct code_row codes[] = {
	{ "", "" },
	{ "bmFtZTogcA==", "name: p" },
	{ "YWI=", "ab" },
	{ "YWJj", "abc" },
	{ "+/+/", "\xfb\xff\xbf" },
	{ "YWI", NULL },
	{ "YW=I", NULL },
	{ "====", NULL },
	{ "YW J", NULL },
	{ "-_-_", NULL },
};

START_TEST(decoding)
{
	autobuf b = BUF(100);
	const struct code_row *r = &codes[_i];
	ck_assert_int_eq(base64_decode(r->text, strlen(r->text), &b, &e), r->want ? 0 : -1);
	if (r->want)
		ck_assert_str_eq(buf_cstr(&b), r->want);
}
END_TEST

/* --- workflows --- */

static struct workflow_read work;

static int reads(const char *text)
{
	return workflow_read(text, strlen(text), &arena, &work, &e);
}

START_TEST(a_workflow)
{
	ck_assert_msg(reads("name: probe\n"
			    "\"on\":\n    push:\n    workflow_dispatch: ''\n"
			    "env: {TOP: \"top-${{ github.ref_name }}\", N: 1, NOTHING: }\n"
			    "defaults: {run: {shell: sh, working-directory: top}}\n"
			    "jobs:\n    b:\n        name: b (1)\n        runs-on: cjson\n"
			    "        if: ${{ needs.a.result == 'success' }}\n"
			    "        defaults: {run: {working-directory: sub}}\n"
			    "        timeout-minutes: \"7\"\n"
			    "        strategy: {matrix: {x: [1], y: [a b], include: [{z: 1}]}}\n"
			    "        steps:\n            - name: hello\n              id: s\n"
			    "              run: echo\n              env: {E: x}\n"
			    "              continue-on-error: true\n") == 0,
		      "%s", e.msg);
	const struct job_workflow *w = work.workflow;
	ck_assert_str_eq(work.key, "b");
	ck_assert_str_eq(work.name, "b (1)");
	ck_assert_uint_eq(work.timeout_s, 420);
	ck_assert_str_eq(w->refusal, "");
	ck_assert_str_eq(w->condition.text, "${{ needs.a.result == 'success' }}");
	ck_assert_str_eq(w->shell.text, "sh");
	ck_assert_str_eq(w->directory.text, "sub");
	ck_assert_uint_eq(w->env[0].n, 3);
	ck_assert_str_eq(w->env[0].pairs[1].value.text, "1");
	ck_assert_str_eq(w->env[0].pairs[2].value.text, "");
	ck_assert_uint_eq(w->env[1].n, 0);
	ck_assert_uint_eq(w->nruns, 1);
	ck_assert_str_eq(w->runs[0].id, "s");
	ck_assert_str_eq(w->runs[0].name.text, "hello");
	ck_assert_uint_eq(w->runs[0].run.line, 18);
	ck_assert_str_eq(w->runs[0].carry_on.text, "true");
	ck_assert_str_eq(w->runs[0].shell.text, "");
	autobuf b = BUF(1000);
	ck_assert_int_eq(workflow_matrix_json(work.strategy, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "{\"x\":1,\"y\":\"a b\"}");
}
END_TEST

START_TEST(labels_and_an_image)
{
	ck_assert_int_eq(
		reads("jobs: {a: {runs-on: [x, y], container: 'docker://debian:12', steps: "
		      "[{run: x}]}}"),
		0);
	ck_assert_uint_eq(work.workflow->nruns_on, 2);
	ck_assert_str_eq(work.workflow->runs_on[1], "y");
	ck_assert_str_eq(work.workflow->container.image.text, "docker://debian:12");
	ck_assert_int_eq(
		reads("jobs: {a: {runs-on: x, container: {image: a/b}, steps: [{run: x}]}}"), 0);
	ck_assert_str_eq(work.workflow->runs_on[0], "x");
	ck_assert_str_eq(work.workflow->container.image.text, "a/b");
	ck_assert_int_eq(reads("jobs: {a: {container: '', steps: [{run: x}]}}"), 0);
	ck_assert_str_eq(work.workflow->container.image.text, "");
	ck_assert_uint_eq(work.workflow->nruns_on, 0);
}
END_TEST

START_TEST(a_matrix_of_any_values)
{
	ck_assert_int_eq(
		reads("jobs: {a: {steps: [{run: x}], strategy: {matrix: {a: [true], b: [~], "
		      "c: [0x1f], d: [1.50], e: [{k: [1, -2]}], f: ['1'], g: 01}}}}"),
		0);
	autobuf b = BUF(1000);
	ck_assert_int_eq(workflow_matrix_json(work.strategy, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "{\"a\":true,\"b\":null,\"c\":\"0x1f\",\"d\":1.50,\"e\":{"
				       "\"k\":[1,-2]},\"f\":\"1\",\"g\":\"01\"}");
	buf_clear(&b);
	ck_assert_int_eq(workflow_matrix_json(NULL, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "{}");
}
END_TEST

struct bad_row {
	const char *text, *why;
};

static const struct bad_row refused[] = {
	{ "jobs: {a: {services: '${{ fromJSON(1) }}', steps: [{run: x}]}}",
	  "line 1, column 22: `services:` is expected to be a mapping" },
	{ "jobs: {a: {uses: ./.gitea/workflows/b.yml}}",
	  "line 1, column 18: `uses:` of a job (a reusable workflow) is not supported yet" },
};

START_TEST(what_is_not_run_has_a_place)
{
	ck_assert_msg(reads(refused[_i].text) == 0, "%s", e.msg);
	ck_assert_str_eq(work.workflow->refusal, refused[_i].why);
}
END_TEST

static const struct bad_row wrong[] = {
	{ "", "1:1: one job is expected in jobs" },
	{ "jobs: {a: {steps: [{run: x}]}, b: {}}", "1:7: one job is expected in jobs" },
	{ "jobs: {a: 3}", "1:11: a job is expected to be a mapping" },
	{ "jobs: {a: {}}", "1:11: the job has no steps" },
	{ "jobs: {a: {steps: x}}", "1:19: steps are expected to be a list" },
	{ "jobs: {a: {steps: [x]}}", "1:20: a step is expected to be a mapping" },
	{ "jobs: {a: {steps: [{name: x}]}}", "1:20: a step needs `run:` or `uses:`" },
	{ "jobs: {a: {steps: [{run: [x]}]}}", "1:26: a text is expected" },
	{ "jobs: {a: {container: {}, steps: [{run: x}]}}",
	  "1:23: container is expected to name an image" },
	{ "jobs: {a: {runs-on: [[x]], steps: [{run: x}]}}", "1:22: a label is expected" },
	{ "jobs: {a: {env: [x], steps: [{run: x}]}}", "1:17: a mapping is expected" },
	{ "jobs: {a: {steps: [{run: x, uses: y}]}}",
	  "1:20: a step has `run:` or `uses:`, not both" },
	{ "jobs: {a: {env: {A: [x]}, steps: [{run: x}]}}", "1:21: a text is expected" },
};

START_TEST(what_is_no_workflow_has_a_place)
{
	ck_assert_int_eq(reads(wrong[_i].text), -1);
	ck_assert_str_eq(e.msg, wrong[_i].why);
}
END_TEST

/* --- tasks --- */

#define WORKFLOW "am9iczoge2E6IHtzdGVwczogW3tydW46IHh9XX19"

START_TEST(a_task)
{
	const char *text =
		"{\"task\":{\"id\":\"5\",\"workflowPayload\":\"" WORKFLOW
		"\",\"context\":{\"token\":\"tok\",\"repository\":\"boss/demo\",\"ref_protected\":"
		"true,\"gitea_runtime_token\":\"run\",\"event\":{\"inputs\":{\"who\":\"w\"},"
		"\"repository\":{\"id\":3,\"full_name\":\"boss/demo\"}}},\"secrets\":{\"A\":\"s1\"},"
		"\"needs\":{\"b\":{\"result\":\"RESULT_SUCCESS\"}}},\"tasksVersion\":\"2\"}";
	const struct job *j = gitea_job_parse(text, strlen(text), &arena, &e);
	ck_assert_msg(j != NULL, "%s", e.msg);
	ck_assert_uint_eq(j->id, 5);
	ck_assert_uint_eq(j->project_id, 3);
	ck_assert_str_eq(j->project_path, "boss/demo");
	ck_assert_str_eq(j->token, "tok");
	ck_assert_str_eq(j->image.user, "");
	ck_assert_str_eq(j->image.platform, "");
	ck_assert_uint_eq(j->timeout_s, 360 * 60);
	ck_assert(j->sources.protected_ref);
	ck_assert_uint_eq(j->nmasks, 2);
	ck_assert_str_eq(j->masks[0], "s1");
	ck_assert_str_eq(j->masks[1], "run");
	ck_assert_uint_eq(j->workflow->ncontexts, 7);
	ck_assert_str_eq(j->workflow->contexts[3].name, "needs");
	ck_assert_str_eq(j->workflow->contexts[3].json,
			 "{\"b\":{\"result\":\"success\",\"outputs\":{}}}");
	ck_assert_str_eq(j->workflow->contexts[4].json, "{\"who\":\"w\"}");
	ck_assert_str_eq(j->workflow->contexts[2].json, "{}");
}
END_TEST

static const struct bad_row bad_tasks[] = {
	{ "", NULL },
	{ "[]", "task: not an object" },
	{ "{\"task\":{}}", "task.id: not a number" },
	{ "{\"task\":{\"id\":\"1\"}}", "task.workflowPayload: not a string" },
	{ "{\"task\":{\"id\":\"1\",\"workflowPayload\":\"!\"}}",
	  "task.workflowPayload: not base64: its length" },
	{ "{\"task\":{\"id\":\"1\",\"workflowPayload\":\"\",\"context\":{\"repository\":\"a/../"
	  "b\"}}}",
	  "task.context.repository: no name of one" },
};

START_TEST(what_is_no_task_has_a_place)
{
	const struct bad_row *r = &bad_tasks[_i];
	ck_assert_ptr_null(gitea_job_parse(r->text, strlen(r->text), &arena, &e));
	ck_assert_str_ne(e.msg, "");
	if (r->why)
		ck_assert_str_eq(e.msg, r->why);
}
END_TEST

START_TEST(lines_and_groups)
{
	autobuf b = BUF(1000);
	ck_assert_int_eq(gitea_mark_section(&b, true, "x", 1, &e), 0);
	ck_assert_int_eq(gitea_mark_line(&b, GITEA_MARK_PLAIN, "Run x", &e), 0);
	ck_assert_int_eq(gitea_mark_section(&b, false, "x", 1, &e), 0);
	ck_assert_int_eq(gitea_mark_line(&b, GITEA_MARK_ERROR, "no", &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "::group::Run x\n::endgroup::\n##[error]no\n");
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof *(rows)))

int main(void)
{
	Suite *s = suite_create("gitea_job");
	TCase *t = tcase_create("gitea_job");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, decoding, 0, ROWS(codes));
	tcase_add_test(t, a_workflow);
	tcase_add_test(t, labels_and_an_image);
	tcase_add_test(t, a_matrix_of_any_values);
	tcase_add_loop_test(t, what_is_not_run_has_a_place, 0, ROWS(refused));
	tcase_add_loop_test(t, what_is_no_workflow_has_a_place, 0, ROWS(wrong));
	tcase_add_test(t, a_task);
	tcase_add_loop_test(t, what_is_no_task_has_a_place, 0, ROWS(bad_tasks));
	tcase_add_test(t, lines_and_groups);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
