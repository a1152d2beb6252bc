#include "runner/metrics.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *m;

static void setup(void)
{
	struct err e = { 0 };
	m = metrics_new(&e);
	ck_assert_ptr_nonnull(m);
}

static void teardown(void)
{
	metrics_free(m);
}

/* The lines of one family, by the name at their beginning. */
static void family_is(const char *name, bool open_metrics, const char *wanted)
{
	struct err e = { 0 };
	autobuf all = BUF(1 << 22);
	autobuf got = BUF(1 << 20);
	ck_assert_int_eq(metrics_text(m, open_metrics, &all, &e), 0);
	for (const char *s = buf_cstr(&all); *s;) {
		size_t n = strcspn(s, "\n") + 1;
		if (strncmp(s, name, strlen(name)) == 0)
			ck_assert_int_eq(buf_add(&got, s, n, &e), 0);
		s += n;
	}
	ck_assert_str_eq(buf_cstr(&got), wanted);
}

START_TEST(a_counter)
{
	family_is("courser_jobs_started_total", false, "courser_jobs_started_total 0\n");
	metrics_add(m, "courser_jobs_started_total", "", 2);
	metrics_add(m, "courser_jobs_started_total", "", 1ULL << 60);
	family_is("courser_jobs_started_total", false,
		  "courser_jobs_started_total 1152921504606846978\n");
	family_is("# TYPE courser_jobs_started", false,
		  "# TYPE courser_jobs_started_total counter\n");
	family_is("# TYPE courser_jobs_started", true, "# TYPE courser_jobs_started counter\n");
}
END_TEST

START_TEST(labels_in_their_order)
{
	metrics_add(m, "courser_jobs_finished_total", "state=success,fault=none", 1);
	metrics_add(m, "courser_jobs_finished_total", "state=failed,fault=script", 3);
	metrics_add(m, "courser_jobs_finished_total", "state=success,fault=none", 1);
	family_is("courser_jobs_finished_total", true,
		  "courser_jobs_finished_total{state=\"success\",fault=\"none\"} 2\n"
		  "courser_jobs_finished_total{state=\"failed\",fault=\"script\"} 3\n");
	static const char *const wrong[] = {
		"",
		"state=a",
		"fault=a,state=b",
		"nonsense",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		metrics_add(m, "courser_jobs_finished_total", wrong[i], 1);
	metrics_add(m, "courser_no_such_total", "", 1);
	metrics_set(m, "courser_jobs_started_total", "", 1); /* no gauge */
	family_is("courser_metrics_dropped_total", false, "courser_metrics_dropped_total 6\n");
}
END_TEST

START_TEST(gauges_and_odd_label_values)
{
	metrics_set(m, "courser_slots", "", 4);
	family_is("courser_slots", false, "courser_slots 4\n");
	metrics_set(m, "courser_slots", "", 0.125);
	family_is("courser_slots", false, "courser_slots 0.125\n");
	metrics_set(m, "courser_slots", "", 1795551013.569);
	family_is("courser_slots", false, "courser_slots 1795551013.569\n");
	metrics_set(m, "courser_registration_healthy", "registration=a \"b\"\\c,d=e\nf\xff", 1);
	family_is("courser_registration_healthy", false,
		  "courser_registration_healthy{registration=\"a \\\"b\\\"\\\\c,d=e\\nf\xef\xbf\xbd"
		  "\"} 1\n");
}
END_TEST

START_TEST(a_histogram)
{
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 0);
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 10);
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 11);
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 900000);
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 900001);
	metrics_observe(m, "courser_job_phase_seconds", "phase=steps", 99999999);
#define B(le, n) "courser_job_phase_seconds_bucket{phase=\"steps\",le=\"" le "\"} " n "\n"
	family_is(
		"courser_job_phase_seconds", false,
		B("0.01", "2") B("0.05", "3") B("0.1", "3") B("0.5", "3") B("1.0", "3") B(
			"2.5", "3") B("5.0", "3") B("10.0", "3") B("30.0", "3") B("60.0", "3")
			B("120.0", "3") B("300.0", "3") B("600.0", "3") B("900.0", "4") B(
				"1800.0", "5") B("3600.0", "5")
				B("+Inf",
				  "6") "courser_job_phase_seconds_sum{phase=\"steps\"} 101800.021\n"
				       "courser_job_phase_seconds_count{phase=\"steps\"} 6\n");
}
END_TEST

START_TEST(series_are_bounded)
{
	char labels[64];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(labels, sizeof labels, "registration=r%u", i);
		metrics_set(m, "courser_registration_healthy", labels, 1);
	}
	struct err e = { 0 };
	autobuf b = BUF(1 << 22);
	unsigned n = 0;
	ck_assert_int_eq(metrics_text(m, true, &b, &e), 0);
	for (const char *s = buf_cstr(&b); (s = strstr(s, "\ncourser_registration_healthy{")); s++)
		n++;
	ck_assert_uint_eq(n, METRICS_SERIES);
	family_is("courser_metrics_dropped_total", false, "courser_metrics_dropped_total 8976\n");
}
END_TEST

START_TEST(the_table_follows_the_conventions)
{
	bool budget = false;
	for (size_t i = 0; i < metrics_nrows; i++) {
		const struct metrics_row *r = &metrics_rows[i];
		size_t n = strlen(r->name);
		ck_assert_int_eq(strncmp(r->name, "courser_", 8), 0);
		bool total = n > 6 && strcmp(r->name + n - 6, "_total") == 0;
		ck_assert_msg(total == (r->type == METRICS_COUNTER), "%s", r->name);
		for (size_t k = 0; k < i; k++) /* OpenMetrics: families by their bare names */
			ck_assert_msg(strncmp(metrics_rows[k].name, r->name, total ? n - 6 : n) !=
						      0 ||
					      strlen(metrics_rows[k].name) != (total ? n - 6 : n),
				      "%s", r->name);
	}
	for (size_t i = 0; i < metrics_nbuckets; i++) {
		budget = budget || metrics_buckets[i].ms == 900000;
		ck_assert(i == 0 || metrics_buckets[i - 1].ms < metrics_buckets[i].ms);
	}
	ck_assert(budget);
	ck_assert_str_eq(metrics_buckets[metrics_nbuckets - 1].le, "+Inf");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_counter);
	tcase_add_test(t, labels_in_their_order);
	tcase_add_test(t, gauges_and_odd_label_values);
	tcase_add_test(t, a_histogram);
	tcase_add_test(t, series_are_bounded);
	tcase_add_test(t, the_table_follows_the_conventions);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
