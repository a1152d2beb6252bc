#include "runner/job_dir.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err e;
static char top[64];
static int jobs = -1;

static void setup(void)
{
	snprintf(top, sizeof top, "/tmp/job-dir-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	jobs = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(jobs, 0);
}

static void teardown(void)
{
	fd_close(&jobs);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, top, &e), 0);
}

static int look(const char *name)
{
	int fd = openat(jobs, name, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(its_maker_holds_it)
{
	struct err why = { 0 };
	int made = job_dir_make(jobs, "one", &e);
	ck_assert_int_ge(made, 0);
	ck_assert_int_eq(job_dir_make(jobs, "one", &why), -1);
	ck_assert_int_eq(why.code, EEXIST);
	autofd seen = look("one");
	ck_assert(job_dir_held(jobs, seen));
	fd_close(&made);
	ck_assert(!job_dir_held(jobs, seen));
}
END_TEST

START_TEST(its_worker_holds_it)
{
	autofd made = job_dir_make(jobs, "one", &e);
	int events = openat(made, "events", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(flock(events, LOCK_EX | LOCK_NB), 0);
	fd_close(&made);
	autofd seen = look("one"), theirs = look("one/events");
	ck_assert(job_dir_held(jobs, seen) && job_dir_worker_lives(theirs));
	fd_close(&events);
	ck_assert(!job_dir_held(jobs, seen) && !job_dir_worker_lives(theirs));
}
END_TEST

/* Whoever looks while directories are made finds each of them held. */
START_TEST(none_is_seen_before_it_is_held)
{
	enum { MANY = 300 };
	pid_t maker = fork();
	if (maker == 0) {
		int own = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (int i = 0; i < MANY; i++) {
			char name[16];
			snprintf(name, sizeof name, "%d", i);
			if (job_dir_make(own, name, &e) < 0)
				_exit(1);
		}
		pause();
	}
	for (int i = 0; i < MANY; i++) {
		char name[16];
		int fd;
		snprintf(name, sizeof name, "%d", i);
		while ((fd = openat(jobs, name, O_RDONLY | O_CLOEXEC)) < 0)
			ck_assert_int_eq(waitpid(maker, NULL, WNOHANG), 0);
		ck_assert(job_dir_held(jobs, fd));
		fd_close(&fd);
	}
	kill(maker, SIGKILL);
	ck_assert_int_eq(waitpid(maker, NULL, 0), maker);
}
END_TEST

START_TEST(what_was_written_down)
{
	struct arena a = ARENA(1 << 16);
	struct meta m;
	struct err why = { 0 };
	autofd made = job_dir_make(jobs, "one", &e);
	ck_assert_int_eq(job_dir_meta(made, &a, &m, &why), -1);
	ck_assert_int_eq(why.code, ENOENT);
	autobuf text = BUF(64);
	ck_assert_int_eq(buf_str(&text, "kind=exec\n", &e), 0);
	ck_assert_int_eq(fd_replace_file(made, "meta", 0600, &text, &e), 0);
	ck_assert_int_eq(job_dir_meta(made, &a, &m, &e), 0);
	ck_assert_str_eq(m.kind, "exec");
	arena_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("job_dir");
	TCase *t = tcase_create("job_dir");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, its_maker_holds_it);
	tcase_add_test(t, its_worker_holds_it);
	tcase_add_test(t, none_is_seen_before_it_is_held);
	tcase_add_test(t, what_was_written_down);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
