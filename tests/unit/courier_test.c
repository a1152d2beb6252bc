#include "runner/courier.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int sv[2];

static void setup(void)
{
	struct err e = { 0 };
	ck_assert_int_eq(msg_pair(sv, &e), 0);
}

static void teardown(void)
{
	fd_close(&sv[0]);
	fd_close(&sv[1]);
}

START_TEST(a_job_arrives_as_it_was_sent)
{
	struct err e = { 0 };
	autofd payload = fd_sealed("p", "{}", 2, &e);
	struct courier_job j = { .cookie = 7,
				 .idx = 3,
				 .job_id = 1ULL << 40,
				 .project_id = 12,
				 .project_path = "group/project",
				 .token = "t",
				 .protected_ref = 1,
				 .timeout_s = 60,
				 .payload = payload };
	ck_assert_int_eq(courier_send(sv[0], COURIER_JOB, &j, &e), 0);
	automsg m;
	ck_assert_int_eq(msg_recv(sv[1], &m, &e), 1);
	struct courier_job got;
	ck_assert_int_eq(courier_take(&m, &got, &e), 0);
	ck_assert_uint_eq(got.cookie, 7);
	ck_assert_uint_eq(got.job_id, 1ULL << 40);
	ck_assert_str_eq(got.project_path, "group/project");
	ck_assert_str_eq(got.reasons, "");
	ck_assert_uint_eq(got.protected_ref, 1);
	char text[3] = "";
	ck_assert_int_eq(pread(got.payload, text, 2, 0), 2);
	ck_assert_str_eq(text, "{}");
	fd_close(&got.payload);
}
END_TEST

START_TEST(fds_that_are_absent_stay_absent)
{
	struct err e = { 0 };
	struct courier_job_ready r = {
		.cookie = 1, .why = "no room", .log = -1, .events = -1, .doorbell = -1
	};
	ck_assert_int_eq(courier_send(sv[0], COURIER_JOB_READY, &r, &e), 0);
	automsg m;
	ck_assert_int_eq(msg_recv(sv[1], &m, &e), 1);
	struct courier_job_ready got;
	ck_assert_int_eq(courier_take(&m, &got, &e), 0);
	ck_assert_int_eq(got.log, -1);
	ck_assert_int_eq(got.doorbell, -1);
	ck_assert_str_eq(got.why, "no room");
}
END_TEST

START_TEST(a_malformed_message_is_refused_and_leaks_no_fd)
{
	struct err e = { 0 };
	automsg out;
	msg_init(&out, COURIER_JOB_READY);
	msg_put_u64(&out, 1);
	msg_put_u32(&out, 1);
	msg_put_u32(&out, 0);
	msg_put_str(&out, "");
	msg_put_u32(&out, 1);
	msg_put_fd(&out, 0);
	ck_assert_int_eq(msg_send(sv[0], &out, &e), 0);
	automsg m;
	ck_assert_int_eq(msg_recv(sv[1], &m, &e), 1);
	int fd = m.fds[0];
	struct courier_job_ready got;
	ck_assert_int_eq(courier_take(&m, &got, &e), -1);
	ck_assert_str_ne(e.msg, "");
	ck_assert_int_eq(got.log, -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(unknown_types_are_refused)
{
	struct err e = { 0 };
	struct courier_forget f = { .idx = 1 };
	ck_assert_int_eq(courier_send(sv[0], (enum courier_type)20, &f, &e), -1);
	automsg m;
	msg_init(&m, 4000000000u);
	ck_assert_int_eq(courier_take(&m, &f, &e), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("courier");
	TCase *t = tcase_create("messages");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_job_arrives_as_it_was_sent);
	tcase_add_test(t, fds_that_are_absent_stay_absent);
	tcase_add_test(t, a_malformed_message_is_refused_and_leaks_no_fd);
	tcase_add_test(t, unknown_types_are_refused);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
