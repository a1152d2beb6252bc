#include "executor/usage.h"

#include "base/fd.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct usage u;

static void begin(void)
{
	usage_init(&u);
}

static void end(void)
{
	usage_done(&u);
}

static const char *text(void)
{
	static struct buf b = BUF(4096);
	struct err e = { 0 };
	b.len = 0;
	ck_assert_int_eq(usage_text(&u, &b, &e), 0);
	return b.len ? buf_cstr(&b) : "";
}

/* A file of a cgroup that says so. */
static int file(const char *content)
{
	struct err e = { 0 };
	int fd = fd_sealed("cgroup", content, strlen(content), &e);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void cgroup(const char *events)
{
	u.files[USAGE_MEMORY_EVENTS] = file(events);
	u.files[USAGE_MEMORY_PEAK] = file("12582912\n");
	u.files[USAGE_PIDS_PEAK] = file("7\n");
	u.files[USAGE_CPU_STAT] = file(
		"usage_usec 1204000\nuser_usec 1000000\nsystem_usec 204000\n");
}

START_TEST(nothing_known_is_nothing_said)
{
	ck_assert_str_eq(text(), "");
	ck_assert(!usage_by_cgroup(&u));
	ck_assert(!usage_out_of_memory(&u));
	ck_assert_str_eq(usage_source(&u), "processes");
}
END_TEST

START_TEST(what_init_has_seen)
{
	usage_measured(&u, "0 47185920 1204000");
	ck_assert_str_eq(text(), "largest process 45.0 MiB; CPU 1.204 s (by processes)");
	u.memory_max = 64 << 20;
	usage_measured(&u, "50331648 47185920 1204000");
	ck_assert_str_eq(text(),
			 "memory at most 48.0 MiB, allowed 64.0 MiB; CPU 1.204 s (by samples)");
	ck_assert(!usage_out_of_memory(&u));
	u.over = 70 << 20;
	ck_assert(usage_out_of_memory(&u));
	usage_measured(&u, ""); /* an init that speaks nonsense */
	ck_assert_uint_eq(u.cpu_us, 0);
}
END_TEST

START_TEST(what_a_cgroup_has_counted)
{
	u.memory_max = 256 << 20;
	cgroup("low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\noom_group_kill 0\n");
	usage_read(&u);
	ck_assert_str_eq(text(), "memory at most 12.0 MiB, allowed 256.0 MiB; CPU 1.204 s; "
				 "7 processes at most (by cgroup)");
	ck_assert(!usage_out_of_memory(&u));
}
END_TEST

START_TEST(what_the_kernel_has_ended)
{
	u.memory_max = 256 << 20;
	cgroup("low 0\nhigh 0\nmax 4\noom 1\noom_kill 3\noom_group_kill 1\n");
	ck_assert(usage_out_of_memory(&u));
}
END_TEST

START_TEST(an_older_kernel_has_less_files)
{
	cgroup("oom_kill 0\n");
	fd_close(&u.files[USAGE_MEMORY_PEAK]);
	fd_close(&u.files[USAGE_PIDS_PEAK]);
	usage_read(&u);
	ck_assert_str_eq(text(), "CPU 1.204 s (by cgroup)");
}
END_TEST

START_TEST(limit_and_files_come_with_the_grant)
{
	struct err e = { 0 };
	int pair[2];
	automsg m, got;
	ck_assert_int_eq(msg_pair(pair, &e), 0);
	msg_init(&m, 1);
	autofd one = file("1\n");
	for (size_t i = 0; i < USAGE_FILES; i++)
		msg_put_fd(&m, one);
	msg_put_u64(&m, 4096);
	ck_assert_int_eq(msg_send(pair[0], &m, &e), 0);
	ck_assert_int_eq(msg_recv(pair[1], &got, &e), 1);
	usage_take(&u, &got);
	ck_assert_int_eq(msg_end(&got, &e), 0);
	ck_assert_uint_eq(u.memory_max, 4096);
	ck_assert(usage_by_cgroup(&u));
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("usage");
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, nothing_known_is_nothing_said);
	tcase_add_test(t, what_init_has_seen);
	tcase_add_test(t, what_a_cgroup_has_counted);
	tcase_add_test(t, what_the_kernel_has_ended);
	tcase_add_test(t, an_older_kernel_has_less_files);
	tcase_add_test(t, limit_and_files_come_with_the_grant);
	Suite *s = suite_create("usage");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
