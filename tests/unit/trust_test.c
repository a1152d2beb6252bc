/* Whose code a job runs, by what GitLab and Gitea send. */
#include "protocol/gitea_value.h"
#include "protocol/gitlab_trust.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

enum { PROJECT = 42, SEEN = 3 };

#define PROTECTED "CI_COMMIT_REF_PROTECTED"
#define REQUEST "CI_MERGE_REQUEST_IID"
#define SOURCE "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"

static const struct row {
	struct {
		const char *key, *value;
	} seen[SEEN];
	bool unprotected, fork;
} rows[] = {
	{ { { "CI", "true" } }, false, false },
	{ { { PROTECTED, "true" } }, false, false },
	{ { { PROTECTED, "false" } }, true, false },
	{ { { PROTECTED, "false" }, { PROTECTED, "true" } }, true, false },
	{ { { PROTECTED, "$X" } }, true, false },
	{ { { REQUEST, "5" }, { SOURCE, "42" } }, false, false },
	{ { { REQUEST, "5" }, { SOURCE, "43" } }, false, true },
	{ { { REQUEST, "5" }, { SOURCE, "43" }, { SOURCE, "42" } }, false, true },
	{ { { SOURCE, "42" }, { SOURCE, "" } }, false, true },
	{ { { SOURCE, "" } }, false, true },
	{ { { REQUEST, "5" } }, false, true },
	{ { { REQUEST, "" } }, false, false },
	{ { { SOURCE, "4294967338" } }, false, true }, /* 42 in 32 bits */
};

START_TEST(gitlab)
{
	const struct row *r = &rows[_i];
	struct gitlab_trust t = { .project = PROJECT };
	for (size_t i = 0; i < SEEN && r->seen[i].key; i++)
		gitlab_trust_see(&t, r->seen[i].key, r->seen[i].value);
	ck_assert_int_eq(t.unprotected, r->unprotected);
	ck_assert_int_eq(gitlab_trust_is_fork(&t), r->fork);
}
END_TEST

static const struct {
	const char *context;
	bool fork;
} events[] = {
	{ "{}", false },
	{ "{\"event\": {\"ref\": \"refs/heads/main\"}}", false },
	{ "{\"event\": {\"pull_request\": null}}", false },
	{ "{\"event\": {\"pull_request\": {\"head\": {\"repo\": {\"id\": 1}}, "
	  "\"base\": {\"repo\": {\"id\": 1.0}}}}}",
	  false },
	{ "{\"event\": {\"pull_request\": {\"head\": {\"repo\": {\"id\": 2}}, "
	  "\"base\": {\"repo\": {\"id\": 1}}}}}",
	  true },
	{ "{\"event\": {\"pull_request\": {\"head\": {\"repo\": null}, "
	  "\"base\": {\"repo\": {\"id\": 1}}}}}",
	  true },
	{ "{\"event\": {\"pull_request\": {}}}", true },
	{ "{\"event\": {\"pull_request\": \"x\"}}", true },
};

START_TEST(gitea)
{
	json_t *context = json_loads(events[_i].context, 0, NULL);
	ck_assert_ptr_nonnull(context);
	ck_assert_int_eq(gitea_is_from_fork(context), events[_i].fork);
	json_decref(context);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trust");
	TCase *t = tcase_create("trust");
	tcase_add_loop_test(t, gitlab, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, gitea, 0, sizeof events / sizeof *events);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
