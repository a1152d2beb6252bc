#include "runner/control.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char path[] = "/tmp/courser-control-XXXXXX";
static int dir;
static unsigned slots;

static void setup(void)
{
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void teardown(void)
{
	struct err e = { 0 };
	ck_assert_int_eq(fd_clear_tree(dir, &e), 0);
	fd_close(&dir);
	rmdir(path);
}

static int status(void *arg, struct control_reply *r, struct err *e)
{
	(void)arg;
	for (unsigned i = 0; i < slots; i++) {
		struct control_slot s = { i,       1000 + i, "running",  "r0",
					  "g/p g", "steps",  i * 1000ULL };
		if (control_say(r, &s, e) < 0)
			return -1;
	}
	return slots == 7 ? err_set(e, EIO, "seven") : 0;
}

static int cancel(void *arg, uint64_t job, bool all, bool abort, struct err *e)
{
	(void)arg;
	if (job == 13)
		return err_set(e, EINVAL, "not thirteen");
	return all ? (abort ? 5 : 4) : (job == 8 ? 1 : 0);
}

/* The daemon's half in a child, until it is killed. */
static pid_t serve(void)
{
	int ready[2];
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct err e = { 0 };
		struct control_ops ops = { status, cancel, NULL };
		struct loop *l = loop_new(&e);
		if (!control_open(l, dir, &ops, &e) || write(ready[1], "x", 1) != 1)
			_exit(1);
		while (loop_once(l, &e) == 0)
			;
		_exit(2);
	}
	char c;
	close(ready[1]);
	ck_assert_int_eq((int)read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct seen {
	unsigned n;
	uint64_t jobs;
};

static void each(void *arg, const struct control_slot *s)
{
	struct seen *seen = arg;
	ck_assert_uint_eq(s->number, seen->n++);
	ck_assert_str_eq(s->state, "running");
	ck_assert_str_eq(s->project, "g/p g");
	ck_assert_str_eq(s->phase, "steps");
	ck_assert_uint_eq(s->ms, s->number * 1000ULL);
	seen->jobs += s->job;
}

START_TEST(every_slot_arrives)
{
	static const unsigned counts[] = { 0, 1, 2000 };
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct err e = { 0 };
		struct seen seen = { 0, 0 };
		slots = counts[i];
		pid_t pid = serve();
		autofd sock = control_connect(path, &e);
		ck_assert_msg(sock >= 0, "%s", e.msg);
		ck_assert_msg(control_status(sock, each, &seen, &e) == 0, "%s", e.msg);
		ck_assert_uint_eq(seen.n, slots);
		/* the connection serves again */
		seen = (struct seen){ 0, 0 };
		ck_assert_int_eq(control_status(sock, each, &seen, &e), 0);
		ck_assert_uint_eq(seen.n, slots);
		stop(pid);
	}
}
END_TEST

START_TEST(cancels_are_counted_and_refused)
{
	struct err e = { 0 };
	struct seen seen = { 0, 0 };
	slots = 7;
	pid_t pid = serve();
	autofd sock = control_connect(path, &e);
	ck_assert_int_ge(sock, 0);
	ck_assert_int_eq(control_cancel(sock, 8, false, false, &e), 1);
	ck_assert_int_eq(control_cancel(sock, 9, false, false, &e), 0);
	ck_assert_int_eq(control_cancel(sock, 0, true, false, &e), 4);
	ck_assert_int_eq(control_cancel(sock, 0, true, true, &e), 5);
	ck_assert_int_eq(control_cancel(sock, 13, false, false, &e), -1);
	ck_assert_str_eq(e.msg, "not thirteen");
	ck_assert_int_eq(control_status(sock, each, &seen, &e), -1);
	ck_assert_str_eq(e.msg, "seven");
	stop(pid);
}
END_TEST

START_TEST(nobody_there_is_said)
{
	struct err e = { 0 };
	ck_assert_int_eq(control_connect(path, &e), -1);
	ck_assert_int_eq(e.code, ENOENT);
	stop(serve()); /* what a killed daemon leaves */
	ck_assert_int_eq(control_connect(path, &e), -1);
	ck_assert_int_eq(e.code, ECONNREFUSED);
	pid_t pid = serve();
	autofd sock = control_connect(path, &e);
	ck_assert_int_ge(sock, 0);
	stop(pid);
}
END_TEST

START_TEST(garbage_ends_the_connection_only)
{
	struct err e = { 0 };
	slots = 0;
	pid_t pid = serve();
	autofd bad = control_connect(path, &e);
	autofd good = control_connect(path, &e);
	ck_assert_int_ge(bad, 0);
	ck_assert_int_ge(good, 0);
	ck_assert_int_eq((int)send(bad, "junk!", 5, MSG_NOSIGNAL), 5);
	automsg m;
	ck_assert_int_eq(msg_recv_within(bad, &m, 5000, &e), 0);
	ck_assert_int_eq(control_cancel(good, 8, false, false, &e), 1);
	stop(pid);
}
END_TEST

START_TEST(the_socket_is_private_and_goes_away)
{
	struct err e = { 0 };
	struct stat st;
	struct control_ops ops = { status, cancel, NULL };
	struct loop *l = loop_new(&e);
	struct control *c = control_open(l, dir, &ops, &e);
	ck_assert_msg(c != NULL, "%s", e.msg);
	ck_assert_int_eq(fstatat(dir, CONTROL_NAME, &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	control_close(c);
	ck_assert_int_eq(fstatat(dir, CONTROL_NAME, &st, 0), -1);
	loop_free(l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_slot_arrives);
	tcase_add_test(t, cancels_are_counted_and_refused);
	tcase_add_test(t, nobody_there_is_said);
	tcase_add_test(t, garbage_ends_the_connection_only);
	tcase_add_test(t, the_socket_is_private_and_goes_away);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
