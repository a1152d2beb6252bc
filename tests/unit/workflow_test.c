/* What a workflow's texts mean: contexts, environments on top of each other, conditions. */
#include "executor/workflow_value.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;
static struct workflow w;

static const struct job_context contexts[] = {
	{ "github",
	  "{\"job\":\"a\",\"ref_name\":\"main\",\"ref_protected\":false,\"workspace\":\"\","
	  "\"server_url\":\"http://h/\",\"token\":\"t\",\"event\":{\"n\":1}}" },
	{ "secrets", "{\"S\":\"hush\"}" },
	{ "vars", "{}" },
	{ "needs", "{\"b\":{\"result\":\"success\",\"outputs\":{\"v\":\"1\"}}}" },
	{ "matrix", "{\"x\":3}" },
};
static const struct job_pair top[] = {
	{ "LEVEL", { "workflow", 2, 3 } },
	{ "TOP", { "${{ github.ref_name }}", 3, 3 } },
};
static const struct job_pair of_job[] = {
	{ "LEVEL", { "job", 5, 3 } },
	{ "UP", { "${{ env.TOP }}-${{ matrix.x }}", 6, 3 } },
};
static const struct job_workflow job = {
	.name = "The workflow",
	.condition = { .text = "" },
	.env = { { top, 2 }, { of_job, 2 } },
	.contexts = contexts,
	.ncontexts = sizeof contexts / sizeof *contexts,
	.refusal = "",
};
static const struct workflow_facts facts = { "/builds/b/d", "/tmp", "here", "/f/event.json" };

static void setup(void)
{
	arena = (struct arena)ARENA(16 << 20);
	e = (struct err){ 0 };
	ck_assert_msg(workflow_open(&w, &job, &facts, &arena, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	arena_done(&arena);
}

static const char *text(const char *s)
{
	struct job_text t = { s, 9, 14 };
	const char *got = workflow_text(&w, &t, &e);
	return got ? got : e.msg;
}

struct text_row {
	const char *text, *want;
};

static const struct text_row texts[] = {
	{ "plain", "plain" },
	{ "", "" },
	{ "${{ env.LEVEL }} ${{ env.UP }}", "job main-3" },
	{ "${{ secrets.S }}${{ secrets.NONE }}", "hush" },
	{ "${{ github.server_url }} ${{ gitea.job }} ${{ forge.workspace }}",
	  "http://h a /builds/b/d" },
	{ "${{ runner.os }} ${{ runner.name }} ${{ job.status }}", "Linux here success" },
	{ "${{ needs.b.outputs.v }}", "1" },
};

START_TEST(texts_are_evaluated)
{
	ck_assert_str_eq(text(texts[_i].text), texts[_i].want);
}
END_TEST

START_TEST(an_error_names_the_place)
{
	ck_assert_ptr_nonnull(strstr(text("${{ step.a.outputs.b }}"), "line 9, column 14 of the"));
	err_clear(&e);
	ck_assert_ptr_nonnull(strstr(text("a ${{ env.X "), "line 9, column 14 of the workflow"));
	err_clear(&e); /* how the job stands is no text */
	ck_assert_ptr_nonnull(strstr(text("${{ always() }}"), "line 9, column 14 of the workflow"));
}
END_TEST

struct condition_row {
	const char *text;
	bool failed, cancelled, want;
};

static const struct condition_row conditions[] = {
	{ "", false, false, true },
	{ "", true, false, false },
	{ "failure()", true, false, true },
	{ "failure()", false, false, false },
	{ "always()", true, true, true },
	{ "cancelled()", false, true, true },
	{ "success()", false, true, false },
	{ "failure()", true, true, false },
	{ "github.ref_name == 'main'", false, false, true },
	{ "github.ref_name == 'main'", true, false, false },
	{ "${{ always() && env.LEVEL == 'job' }}", true, false, true },
	{ "job.status == 'failure' || always()", true, false, true },
};

START_TEST(conditions_hold)
{
	const struct condition_row *r = &conditions[_i];
	struct job_text t = { r->text, 9, 14 };
	bool got = !r->want;
	w.failed = r->failed;
	w.all->cancelled = r->cancelled;
	ck_assert_msg(workflow_condition(&w, &t, &got, &e) == 0, "%s", e.msg);
	ck_assert(got == r->want);
}
END_TEST

/* The job's own is about what it needs. */
START_TEST(the_condition_of_the_job)
{
	struct job_workflow other = job;
	bool got = false;
	ck_assert_int_eq(workflow_job_condition(&w, &got, &e), 0);
	ck_assert(got);
	const struct job_context bad[] = { contexts[0],
					   { "needs", "{\"b\":{\"result\":\"failure\"}}" } };
	other.contexts = bad;
	other.ncontexts = 2;
	other.env[0].n = other.env[1].n = 0;
	other.condition.text = "";
	ck_assert_int_eq(workflow_open(&w, &other, &facts, &arena, &e), 0);
	ck_assert_int_eq(workflow_job_condition(&w, &got, &e), 0);
	ck_assert(!got);
	other.condition.text = "failure()";
	ck_assert_int_eq(workflow_job_condition(&w, &got, &e), 0);
	ck_assert(got && !w.failed);
}
END_TEST

START_TEST(a_steps_own_environment_is_on_top)
{
	const struct job_pair own[] = { { "LEVEL", { "step", 9, 3 } },
					{ "SAW", { "${{ env.LEVEL }}", 10, 3 } } };
	const struct job_run run = { .env = { own, 2 } }, none = { 0 };
	struct vars *v = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(v);
	ck_assert_msg(workflow_step_env(&w, &run, "here", v, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(vars_get(v, "LEVEL"), "step");
	ck_assert_str_eq(vars_get(v, "SAW"), "job");
	ck_assert_str_eq(vars_get(v, "UP"), "main-3");
	ck_assert_str_eq(vars_get(v, "GITHUB_REF_NAME"), "main");
	ck_assert_str_eq(vars_get(v, "GITHUB_REF_PROTECTED"), "false");
	ck_assert_str_eq(vars_get(v, "GITHUB_EVENT_PATH"), "/f/event.json");
	ck_assert_str_eq(vars_get(v, "RUNNER_OS"), "Linux");
	ck_assert_str_eq(vars_get(v, "GITHUB_ACTION"), "here");
	ck_assert_ptr_null(vars_find(v, "GITHUB_ACTION_PATH"));
	ck_assert_str_eq(vars_get(v, "ACTIONS_RUNTIME_URL"), "http://h/api/actions_pipeline/");
	ck_assert_str_eq(vars_get(v, "CI"), "true");
	ck_assert_ptr_null(vars_find(v, "GITHUB_TOKEN"));
	ck_assert_str_eq(text("${{ env.LEVEL }}"), "step");
	struct vars *next = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(workflow_step_env(&w, &none, "there", next, &e), 0);
	ck_assert_str_eq(vars_get(next, "LEVEL"), "job");
	ck_assert_str_eq(text("${{ env.SAW }}"), "");
}
END_TEST

/* What a step says with GITHUB_ENV is beneath a step's own env and above the job's. */
START_TEST(environments_that_steps_add)
{
	const struct job_pair own[] = { { "LEVEL", { "step", 9, 3 } } };
	const struct job_run run = { .env = { own, 1 } }, none = { 0 };
	struct vars *v = vars_new(&arena, &e), *next = vars_new(&arena, &e);
	ck_assert_int_eq(workflow_add_env(&w, "LEVEL", "file", &e), 0);
	ck_assert_int_eq(workflow_add_env(&w, "NEW", "n", &e), 0);
	ck_assert_int_eq(workflow_add_env(&w, "GITHUB_SHA", "mine", &e), 0);
	ck_assert_int_eq(workflow_add_path(&w, "/a", &e), 0);
	ck_assert_int_eq(workflow_add_path(&w, "/b", &e), 0);
	ck_assert_int_eq(workflow_step_env(&w, &run, "x", v, &e), 0);
	ck_assert_str_eq(vars_get(v, "LEVEL"), "step");
	ck_assert_str_eq(vars_get(v, "NEW"), "n");
	ck_assert_str_eq(vars_get(v, "GITHUB_SHA"), "");
	ck_assert_int_eq(workflow_step_env(&w, &none, "y", next, &e), 0);
	ck_assert_str_eq(vars_get(next, "LEVEL"), "file");
	ck_assert_str_eq(text("${{ env.NEW }}"), "n");
	ck_assert_str_eq(w.all->path, "/b:/a:");
}
END_TEST

START_TEST(steps_are_seen_by_later_ones)
{
	struct expr_value *outputs = expr_object_new(&arena, &e);
	struct workflow_ended by = { outputs, "failure", "success" };
	ck_assert_str_eq(text("${{ steps.a.outputs.v }}"), "");
	ck_assert_int_eq(workflow_put_text(&w, outputs, "v", "12", &e), 0);
	ck_assert_int_eq(workflow_step_ended(&w, "a", &by, &e), 0);
	ck_assert_int_eq(workflow_step_ended(&w, "", &by, &e), 0);
	ck_assert_str_eq(text("${{ steps.a.outputs.v }} ${{ steps.A.outcome }} "
			      "${{ steps.a.conclusion }} ${{ steps.b.outcome }}"),
			 "12 failure success ");
	ck_assert_uint_eq(w.steps->n, 1);
}
END_TEST

START_TEST(an_actions_scope_is_its_own)
{
	struct workflow inner;
	struct expr_value *inputs = expr_object_new(&arena, &e),
			  *outputs = expr_object_new(&arena, &e);
	struct workflow_entry by = { inputs, "/builds/b/d/act", "act/action.yml" };
	struct workflow_ended end = { outputs, "success", "success" };
	const struct job_pair own[] = { { "FROM", { "outside", 9, 3 } } };
	const struct job_run run = { .env = { own, 1 } }, none = { 0 };
	struct vars *v = vars_new(&arena, &e), *within = vars_new(&arena, &e);
	struct job_text secret = { "${{ secrets.S }}", 1, 1 };
	ck_assert_int_eq(workflow_put_text(&w, inputs, "who", "me", &e), 0);
	ck_assert_int_eq(workflow_step_ended(&w, "a", &end, &e), 0);
	ck_assert_int_eq(workflow_step_env(&w, &run, "x", v, &e), 0);
	w.failed = true;
	ck_assert_int_eq(workflow_enter(&inner, &w, &by, &e), 0);
	ck_assert(!inner.failed);
	ck_assert_int_eq(workflow_step_env(&inner, &none, "y", within, &e), 0);
	ck_assert_str_eq(vars_get(within, "FROM"), "outside");
	ck_assert_str_eq(vars_get(within, "GITHUB_ACTION_PATH"), "/builds/b/d/act");
	struct job_text seen = { "${{ inputs.who }}${{ steps.a.outcome }} ${{ env.FROM }} "
				 "${{ github.action_path }}",
				 1, 1 };
	ck_assert_str_eq(workflow_text(&inner, &seen, &e), "me outside /builds/b/d/act");
	ck_assert_ptr_null(workflow_text(&inner, &secret, &e));
	ck_assert_ptr_nonnull(strstr(e.msg, "of act/action.yml"));
	ck_assert_str_eq(workflow_github(&w, "action_path"), "");
	ck_assert_str_eq(workflow_github(&w, "job"), "a");
	ck_assert_str_eq(workflow_github(&w, "workflow"), "The workflow");
}
END_TEST

START_TEST(times_and_flags)
{
	struct job_text t = { "0.5", 1, 1 };
	uint64_t ms = 7;
	bool flag = true;
	ck_assert_int_eq(workflow_timeout(&w, &t, &ms, &e), 0);
	ck_assert_uint_eq(ms, 30000);
	t.text = "";
	ck_assert_int_eq(workflow_timeout(&w, &t, &ms, &e), 0);
	ck_assert_uint_eq(ms, 0);
	t.text = "soon";
	ck_assert_int_eq(workflow_timeout(&w, &t, &ms, &e), -1);
	t.text = "";
	ck_assert_int_eq(workflow_flag(&w, &t, &flag, &e), 0);
	ck_assert(!flag);
	t.text = "${{ matrix.x == 3 }}";
	ck_assert_int_eq(workflow_flag(&w, &t, &flag, &e), 0);
	ck_assert(flag);
}
END_TEST

START_TEST(the_event_as_json)
{
	autobuf b = BUF(1000);
	ck_assert_int_eq(workflow_event(&w, &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "{\n  \"n\": 1\n}");
}
END_TEST

START_TEST(contexts_that_are_no_json)
{
	const struct job_context bad[] = { { "github", "{" } };
	struct job_workflow other = { .contexts = bad, .ncontexts = 1, .refusal = "", .name = "" };
	ck_assert_int_eq(workflow_open(&w, &other, &facts, &arena, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "context github"));
	other.ncontexts = 0;
	err_clear(&e);
	ck_assert_int_eq(workflow_open(&w, &other, &facts, &arena, &e), -1);
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof *(rows)))

int main(void)
{
	Suite *s = suite_create("workflow");
	TCase *t = tcase_create("workflow");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, texts_are_evaluated, 0, ROWS(texts));
	tcase_add_test(t, an_error_names_the_place);
	tcase_add_loop_test(t, conditions_hold, 0, ROWS(conditions));
	tcase_add_test(t, the_condition_of_the_job);
	tcase_add_test(t, a_steps_own_environment_is_on_top);
	tcase_add_test(t, environments_that_steps_add);
	tcase_add_test(t, steps_are_seen_by_later_ones);
	tcase_add_test(t, an_actions_scope_is_its_own);
	tcase_add_test(t, times_and_flags);
	tcase_add_test(t, the_event_as_json);
	tcase_add_test(t, contexts_that_are_no_json);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
