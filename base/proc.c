#include "base/proc.h"

#include "base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CHILD_STACK = 64 << 10, PARKED_FROM = 100 };

/* What the child needs; it shares our memory until it execs, so it also tells us here why it could
 * not. */
struct start {
	const struct proc_spec *spec;
	volatile int failed; /* errno of the step that failed, 0 while none has */
};

/* Move every fd that the child keeps out of the way of the numbers it shall have. */
static int park(int fd, int i)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, PARKED_FROM + i);
}

static int park_all(const struct proc_spec *s, int *parked)
{
	for (unsigned i = 0; i < 3 + s->nfds; i++) {
		int from = i < 3 ? s->stdio[i] : s->fds[i - 3];
		parked[i] = from < 0 ? -1 : park(from, (int)i);
		if (parked[i] < 0 && from >= 0)
			return -1;
	}
	return 0;
}

/* Returns where the executable is now, -1 with errno set. */
static int place_fds(const struct proc_spec *s)
{
	int parked[3 + PROC_FDS];
	int exe = park(s->exe, 3 + PROC_FDS);
	if (exe < 0 || park_all(s, parked) < 0)
		return -1;
	for (unsigned i = 0; i < 3 + s->nfds; i++) {
		if (parked[i] < 0 && i >= 3)
			close((int)i);
		else if (parked[i] >= 0 && dup2(parked[i], (int)i) < 0)
			return -1;
	}
	return close_range(3 + s->nfds, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -1 : exe;
}

/* By the bare system call: the C library's leaves out the two signals that it keeps for itself, which
 * we may have inherited as ignored. All zero is SIG_DFL, no flags, an empty mask. */
static void default_signals(void)
{
	static const unsigned long dfl[4];
	sigset_t none;
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Not for ASan, which takes the stack that it does not know for a mistake. */
__attribute__((no_sanitize_address)) static int child(void *arg)
{
	struct start *st = arg;
	default_signals();
	int exe = place_fds(st->spec);
	if (exe >= 0)
		syscall(SYS_execveat, exe, "", st->spec->argv, st->spec->envp, AT_EMPTY_PATH);
	st->failed = errno ? errno : EIO;
	_exit(127);
}

int proc_spawn(struct proc *ret, const struct proc_spec *spec, struct err *e)
{
	struct start st = { .spec = spec };
	if (spec->nfds > PROC_FDS)
		return err_set(e, E2BIG, "%u fds for a child, at most %d", spec->nfds, PROC_FDS);
	char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return err_sys(e, "child stack");
	sigset_t all, old;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	int pidfd = -1;
	pid_t pid = clone(child, stack + CHILD_STACK,
			  CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &st, &pidfd);
	int code = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	munmap(stack, CHILD_STACK);
	if (pid < 0)
		return err_set(e, code, "start %s: %s", spec->argv[0], strerror(code));
	*ret = (struct proc){ .pid = pid, .pidfd = pidfd };
	if (!st.failed)
		return 0;
	proc_wait(ret);
	return err_set(e, st.failed, "start %s: %s", spec->argv[0], strerror(st.failed));
}

void proc_signal(const struct proc *p, int sig)
{
	if (p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

int proc_wait(struct proc *p)
{
	siginfo_t si = { 0 };
	int r;
	do
		r = waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED);
	while (r < 0 && errno == EINTR);
	proc_forget(p);
	if (r < 0)
		return -1;
	return si.si_code == CLD_EXITED ? si.si_status & 255 : 128 + si.si_status;
}

void proc_forget(struct proc *p)
{
	fd_close(&p->pidfd);
	p->pid = 0;
}

int proc_libexec(struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n < 0)
		return err_sys(e, "/proc/self/exe");
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return err_set(e, EINVAL, "/proc/self/exe: %s", path);
	*slash = '\0';
	autofd here = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return err_sys(e, "%s", path);
	if (faccessat(here, "courser-worker", X_OK, 0) == 0)
		return fd_take(&here);
	int fd = openat(here, "../libexec/courser", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s/../libexec/courser", path) : fd;
}
