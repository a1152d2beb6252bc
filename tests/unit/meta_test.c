#include "runner/meta.h"

#include "runner/result.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err e;
static struct arena arena = ARENA(8 << 20);

START_TEST(meta_comes_back_as_it_was)
{
	struct meta got, nothing;
	autobuf text = BUF(1 << 20);
	ck_assert_int_eq(meta_read("", &arena, &nothing, &e), 0);
	struct meta m = nothing;
	m.kind = "forge";
	m.registration = "a \"name\"\nof two lines";
	m.token = "glcbt-x";
	m.job_id = UINT64_MAX;
	m.slot = 7;
	ck_assert_int_eq(meta_write(&m, &text, &e), 0);
	ck_assert_int_eq(buf_str(&text, "later=\"key\"\n", &e), 0);
	ck_assert_int_eq(meta_read(buf_cstr(&text), &arena, &got, &e), 0);
	ck_assert_str_eq(got.registration, m.registration);
	ck_assert_str_eq(got.token, m.token);
	ck_assert_str_eq(got.project, "");
	ck_assert_uint_eq(got.job_id, UINT64_MAX);
	ck_assert_uint_eq(got.slot, 7);
}
END_TEST

START_TEST(torn_meta_is_an_error)
{
	static const char *const bad[] = { "kind", "kind=\"forge", "kind=forge", "kind=a b\n" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct meta got;
		struct err why = { 0 };
		ck_assert_msg(meta_read(bad[i], &arena, &got, &why) == -1, "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_result_is_json)
{
	struct slot_result r = { .state = "failed",
				 .reason = "script_failure",
				 .fault = "script",
				 .text = "a \"quoted\"\n\033 word",
				 .exit_code = 3 };
	autobuf text = BUF(1 << 16);
	r.ms[PHASE_STEPS] = 1234;
	r.timed[PHASE_STEPS] = true;
	r.ms[PHASES] = 2000;
	r.timed[PHASES] = true;
	memcpy(r.used.by, "cgroup", sizeof "cgroup");
	r.used.memory = 4096;
	r.used.cpu_us = 1500000;
	r.used.processes = 7;
	denials_add(&r.denied, "mount");
	denials_add(&r.denied, "bpf");
	denials_add(&r.denied, "mount");
	ck_assert_int_eq(result_text(&r, &text, &e), 0);
	ck_assert_str_eq(buf_cstr(&text),
			 "{\"state\": \"failed\", \"failure_reason\": \"script_failure\", "
			 "\"exit_code\": 3, \"fault\": \"script\", "
			 "\"verdict\": \"a \\\"quoted\\\"\\n\\u001b word\", "
			 "\"used\": {\"by\": \"cgroup\", \"memory_bytes\": 4096, "
			 "\"cpu_seconds\": 1.500, \"processes\": 7}, "
			 "\"denied\": {\"mount\": 2, \"bpf\": 1}, "
			 "\"phases\": {\"steps\": 1.234, \"total\": 2.000}}\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("meta");
	TCase *t = tcase_create("meta");
	tcase_add_test(t, meta_comes_back_as_it_was);
	tcase_add_test(t, torn_meta_is_an_error);
	tcase_add_test(t, a_result_is_json);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
