#include "base/proc.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What a shell script leaves: its output and its status. */
struct outcome {
	struct buf out;
	int status;
};

/* Run script by /bin/sh with the fds given. */
static void run(struct outcome *ret, const char *script, const int *fds, unsigned nfds)
{
	struct err e = { 0 };
	struct proc p;
	int pipe_fds[2];
	char *argv[] = { strdup("sh"), strdup("-c"), strdup(script), NULL };
	char *envp[] = { strdup("GREETING=hello"), NULL };
	autofd exe = open("/bin/sh", O_PATH | O_CLOEXEC);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	autofd in = pipe_fds[0], out = pipe_fds[1];
	struct proc_spec spec = { .exe = exe,
				  .argv = argv,
				  .envp = envp,
				  .fds = fds,
				  .nfds = nfds,
				  .stdio = { -1, out, -1 } };
	int r = proc_spawn(&p, &spec, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	fd_close(&out);
	ret->out = (struct buf)BUF(10000);
	ck_assert_int_eq(fd_read_all(in, &ret->out, &e), 0);
	ret->status = proc_wait(&p);
	for (char **s = argv; *s; s++)
		free(*s);
	free(envp[0]);
}

static void check_run(const char *script, const char *want, int status)
{
	struct outcome o;
	run(&o, script, NULL, 0);
	ck_assert_str_eq(buf_cstr(&o.out), want);
	ck_assert_int_eq(o.status, status);
	buf_done(&o.out);
}

START_TEST(status_as_a_shell_sees_it)
{
	check_run("exit 0", "", 0);
	check_run("exit 3", "", 3);
	check_run("exit 255", "", 255);
	check_run("kill -KILL $$", "", 128 + SIGKILL);
	check_run("kill -TERM $$", "", 128 + SIGTERM);
}
END_TEST

START_TEST(argv_and_environment_as_given)
{
	check_run("echo $GREETING; echo $0; env | grep -v -e PWD -e SHLVL -e '^_='",
		  "hello\nsh\nGREETING=hello\n", 0);
}
END_TEST

START_TEST(nothing_is_inherited_but_what_is_named)
{
	struct err e = { 0 };
	struct outcome o;
	autofd a = fd_sealed("a", "first", 5, &e), b = fd_sealed("b", "second", 6, &e);
	/* fds that lack close-on-exec, also on the numbers of the child's own */
	int leaks[] = { 3, 4, 5, 6, 50, 110 };
	for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++)
		if (fcntl(leaks[i], F_GETFD) < 0)
			ck_assert_int_ge(dup2(STDERR_FILENO, leaks[i]), 0);
	int fds[] = { b, -1, a };
	run(&o,
	    "cat <&3; cat <&5; i=0; while [ $i -le 120 ]; do"
	    " [ -e /proc/$$/fd/$i ] && echo $i; i=$((i + 1)); done; exit 7",
	    fds, 3);
	ck_assert_msg(strcmp(o.out.p, "secondfirst0\n1\n2\n3\n5\n") == 0, "%s", o.out.p);
	ck_assert_int_eq(o.status, 7);
	buf_done(&o.out);
	for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++)
		if (leaks[i] != a && leaks[i] != b)
			close(leaks[i]);
}
END_TEST

START_TEST(fds_may_trade_places)
{
	struct err e = { 0 };
	struct outcome o;
	int fds[PROC_FDS];
	char text[2] = "a";
	for (int i = 0; i < PROC_FDS; i++, text[0]++)
		fds[PROC_FDS - 1 - i] = fd_sealed("x", text, 1, &e);
	run(&o, "for i in 3 4 5 6 7 8 9; do eval \"cat <&$i\"; done; cat /proc/self/fd/18", fds,
	    PROC_FDS);
	ck_assert_str_eq(buf_cstr(&o.out), "ponmlkja");
	buf_done(&o.out);
	for (int i = 0; i < PROC_FDS; i++)
		fd_close(&fds[i]);
}
END_TEST

START_TEST(signals_are_back_to_default)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	check_run("grep -E '^Sig(Blk|Ign)' /proc/self/status",
		  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", 0);
	signal(SIGPIPE, SIG_DFL);
	sigset_t now;
	sigprocmask(SIG_SETMASK, &old, &now);
	ck_assert_int_eq(sigismember(&now, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&now, SIGUSR1), 0);
}
END_TEST

static int spawn(struct proc *p, int exe, unsigned nfds, struct err *e)
{
	static char name[] = "thing";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	int fds[PROC_FDS + 1] = { 0 };
	struct proc_spec spec = { .exe = exe,
				  .argv = argv,
				  .envp = envp,
				  .fds = fds,
				  .nfds = nfds,
				  .stdio = { -1, -1, -1 } };
	return proc_spawn(p, &spec, e);
}

START_TEST(what_cannot_start_says_why)
{
	struct err e = { 0 };
	struct proc p = { .pidfd = -1 };
	autofd text = open("/etc/passwd", O_PATH | O_CLOEXEC);
	autofd directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fd_close(&before);
	ck_assert_int_eq(spawn(&p, text, 0, &e), -1);
	ck_assert_int_eq(e.code, EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "thing"));
	ck_assert_int_eq(spawn(&p, directory, 0, &e), -1);
	ck_assert_int_eq(e.code, EACCES);
	ck_assert_int_eq(spawn(&p, -1, 0, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
	ck_assert_int_eq(spawn(&p, text, PROC_FDS + 1, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_int_eq(p.pidfd, -1);
	autofd after = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(after, 0);
}
END_TEST

START_TEST(too_few_fds_are_an_error)
{
	struct err e = { 0 };
	struct proc p;
	struct rlimit old, few = { .rlim_cur = 50 };
	autofd exe = open("/bin/true", O_PATH | O_CLOEXEC);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = spawn(&p, exe, 1, &e);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

START_TEST(a_process_is_signalled_and_waited_for_by_pidfd)
{
	struct err e = { 0 };
	struct proc p;
	static char name[] = "sleep", time[] = "600";
	char *argv[] = { name, time, NULL }, *envp[] = { NULL };
	autofd exe = open("/bin/sleep", O_PATH | O_CLOEXEC);
	struct proc_spec spec = { .exe = exe, .argv = argv, .envp = envp, .stdio = { -1, -1, -1 } };
	ck_assert_int_eq(proc_spawn(&p, &spec, &e), 0);
	ck_assert_int_gt(p.pid, 0);
	ck_assert_int_eq(fcntl(p.pidfd, F_GETFD), FD_CLOEXEC);
	proc_signal(&p, 0);
	proc_signal(&p, SIGINT);
	ck_assert_int_eq(proc_wait(&p), 128 + SIGINT);
	ck_assert_int_eq(p.pidfd, -1);
	proc_signal(&p, SIGINT);
	ck_assert_int_eq(proc_wait(&p), -1);
}
END_TEST

START_TEST(a_forgotten_process_lives_on)
{
	struct err e = { 0 };
	struct proc p;
	autofd exe = open("/bin/true", O_PATH | O_CLOEXEC);
	ck_assert_int_eq(spawn(&p, exe, 0, &e), 0);
	struct proc other = p;
	other.pidfd = fcntl(p.pidfd, F_DUPFD_CLOEXEC, 3);
	proc_forget(&p);
	ck_assert_int_eq(p.pidfd, -1);
	ck_assert_int_eq(p.pid, 0);
	ck_assert_int_eq(proc_wait(&other), 0);
}
END_TEST

START_TEST(roles_lie_beside_us)
{
	struct err e = { 0 };
	/* Beside the tests there is no role: the other place is named. */
	ck_assert_int_eq(proc_libexec(&e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "libexec/courser"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proc");
	TCase *t = tcase_create("proc");
	tcase_add_test(t, status_as_a_shell_sees_it);
	tcase_add_test(t, argv_and_environment_as_given);
	tcase_add_test(t, nothing_is_inherited_but_what_is_named);
	tcase_add_test(t, fds_may_trade_places);
	tcase_add_test(t, signals_are_back_to_default);
	tcase_add_test(t, what_cannot_start_says_why);
	tcase_add_test(t, too_few_fds_are_an_error);
	tcase_add_test(t, a_process_is_signalled_and_waited_for_by_pidfd);
	tcase_add_test(t, a_forgotten_process_lives_on);
	tcase_add_test(t, roles_lie_beside_us);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
