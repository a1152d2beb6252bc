#include "runner/ledger.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char path[] = "/tmp/courser-ledger-XXXXXX";

static void setup(void)
{
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(chdir(path), 0);
}

static void teardown(void)
{
	struct err e = { 0 };
	autofd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fd_clear_tree(dir, &e), 0);
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(path);
}

static struct ledger *opened(void)
{
	struct err e = { 0 };
	struct ledger *l = ledger_open(&e);
	ck_assert_msg(l != NULL, "%s", e.msg);
	return l;
}

static int add(struct ledger *l, unsigned i, struct err *e)
{
	char name[32];
	snprintf(name, sizeof name, "job-%u", i);
	struct recorder_job_ended j = { .name = name,
					.registration = "r",
					.project = "g/p",
					.project_id = 1,
					.job_id = i,
					.ended_us = 1795551013000000,
					.state = "success",
					.reason = "",
					.fault = "none",
					.timed = 1U << PHASES | 1U << PHASE_STEPS };
	return ledger_add(l, &j, e);
}

static uint64_t count(struct ledger *l)
{
	struct err e = { 0 };
	uint64_t n = 99999;
	ck_assert_msg(ledger_count(l, &n, &e) == 0, "%s", e.msg);
	return n;
}

START_TEST(rows_stay)
{
	struct err e = { 0 };
	struct ledger *l = opened();
	ck_assert_uint_eq(count(l), 0);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(add(l, i, &e), 0);
	ck_assert_int_eq(add(l, 7, &e), 0); /* told again */
	ck_assert_uint_eq(count(l), 20);
	ledger_close(l);
	l = opened();
	ck_assert_uint_eq(count(l), 20);
	ledger_close(l);
}
END_TEST

START_TEST(a_crash_loses_no_row)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = { 0 };
		struct ledger *l = ledger_open(&e);
		for (unsigned i = 0; l && i < 30; i++)
			if (add(l, i, &e) < 0)
				_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	struct stat st;
	ck_assert_int_eq(stat("ledger.db-wal", &st), 0);
	ck_assert_int_gt((int)st.st_size, 0);
	struct ledger *l = opened();
	ck_assert_uint_eq(count(l), 30);
	ledger_close(l);
}
END_TEST

START_TEST(a_damaged_one_is_set_aside)
{
	struct err e = { 0 };
	autofd dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autobuf junk = BUF(8192);
	for (unsigned i = 0; i < 4096; i++)
		ck_assert_int_eq(buf_char(&junk, 'x', &e), 0);
	ck_assert_int_eq(fd_replace_file(dir, "ledger.db", 0600, &junk, &e), 0);
	struct ledger *l = opened();
	ck_assert_int_eq(add(l, 1, &e), 0);
	ck_assert_uint_eq(count(l), 1);
	ledger_close(l);
	glob_t found;
	ck_assert_int_eq(glob("ledger.db.damaged-*", 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, 1);
	globfree(&found);
}
END_TEST

/* No room: rows are refused with words, and are written again when there is some. */
START_TEST(a_full_disk_is_an_error_of_one_row)
{
	struct err e = { 0 };
	struct ledger *l = opened();
	struct rlimit before, small = { 0, 0 };
	ck_assert_int_eq(add(l, 0, &e), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = add(l, 1, &e);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(strncmp(e.msg, "ledger: ", 8), 0);
	err_clear(&e);
	ck_assert_msg(add(l, 2, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(count(l), 2);
	ledger_close(l);
}
END_TEST

START_TEST(a_newer_schema_is_left_alone)
{
	struct err e = { 0 };
	ledger_close(opened());
	autofd fd = open("ledger.db", O_RDWR | O_CLOEXEC);
	const unsigned char version[] = { 0, 0, 0, 99 }; /* user_version in the header */
	ck_assert_int_eq((int)pwrite(fd, version, sizeof version, 60), 4);
	ck_assert_ptr_null(ledger_open(&e));
	ck_assert_int_eq(e.code, ENOTSUP);
	struct stat st;
	ck_assert_int_eq(stat("ledger.db", &st), 0);
}
END_TEST

START_TEST(messages_arrive_as_they_were_sent)
{
	struct err e = { 0 };
	int sv[2];
	ck_assert_int_eq(msg_pair(sv, &e), 0);
	struct recorder_job_ended j = { .name = "n", .state = "failed", .job_id = 1ULL << 40 };
	j.ms[0] = 5;
	j.ms[PHASES] = 7;
	ck_assert_int_eq(recorder_send(sv[0], RECORDER_JOB_ENDED, &j, &e), 0);
	struct recorder_gauge g = { "g", NULL, 0.25 };
	ck_assert_int_eq(recorder_send(sv[0], RECORDER_GAUGE, &g, &e), 0);
	ck_assert_int_eq(recorder_send(sv[0], RECORDER_TYPES, &g, &e), -1);
	automsg a;
	struct recorder_job_ended got;
	ck_assert_int_eq(msg_recv(sv[1], &a, &e), 1);
	ck_assert_int_eq(recorder_take(&a, &got, &e), 0);
	ck_assert_str_eq(got.name, "n");
	ck_assert_str_eq(got.registration, "");
	ck_assert_str_eq(got.state, "failed");
	ck_assert_uint_eq(got.job_id, 1ULL << 40);
	ck_assert_uint_eq(got.ms[0], 5);
	ck_assert_uint_eq(got.ms[PHASES], 7);
	automsg b;
	struct recorder_gauge gauge;
	ck_assert_int_eq(msg_recv(sv[1], &b, &e), 1);
	ck_assert_int_eq(recorder_take(&b, &gauge, &e), 0);
	ck_assert(gauge.value > 0.24 && gauge.value < 0.26);
	b.at = 0;
	b.body.len--;
	ck_assert_int_eq(recorder_take(&b, &gauge, &e), -1);
	fd_close(&sv[0]);
	fd_close(&sv[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rows_stay);
	tcase_add_test(t, a_crash_loses_no_row);
	tcase_add_test(t, a_damaged_one_is_set_aside);
	tcase_add_test(t, a_full_disk_is_an_error_of_one_row);
	tcase_add_test(t, a_newer_schema_is_left_alone);
	tcase_add_test(t, messages_arrive_as_they_were_sent);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
