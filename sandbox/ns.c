#include "sandbox/ns.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The one namespace that a kernel may be built without. It costs 10 us. */
static uint64_t time_if_there(void)
{
	static enum { UNKNOWN, THERE, ABSENT } known;
	if (known == UNKNOWN)
		known = access("/proc/self/ns/time", F_OK) == 0 ? THERE : ABSENT;
	return known == THERE ? CLONE_NEWTIME : 0;
}

uint64_t ns_flags(enum sandbox_net net)
{
	uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | time_if_there();
	return net == SANDBOX_NET_NONE ? flags | CLONE_NEWNET : flags;
}

int ns_clone(uint64_t flags, int cgroup, struct ns_child *ret, struct err *e)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* 0: as the parent's others */
	};
	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup;
	}
	ret->pid = -1;
	ret->pidfd = -1;
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return err_sys(e, "clone");
	ret->pid = (pid_t)pid;
	ret->pidfd = pid ? pidfd : -1;
	return 0;
}

/* What the one in between has to say. */
struct said {
	pid_t pid;
	struct err e;
};

/* 0 in the child; the one in between ends here. */
static int clone_sibling(int net, uint64_t flags, int cgroup, const int pair[2],
			 struct ns_child *ret)
{
	struct said said = { .pid = -1 };
	if (setns(net, CLONE_NEWNET) < 0)
		err_sys(&said.e, "network namespace of the job");
	else if (ns_clone(flags | CLONE_PARENT, cgroup, ret, &said.e) == 0)
		said.pid = ret->pid;
	close(pair[0]);
	if (said.pid == 0) {
		close(pair[1]);
		return 0;
	}
	ssize_t n = write(pair[1], &said, sizeof said);
	_exit(n != sizeof said);
}

static int take_sibling(int from, pid_t between, struct ns_child *ret, struct err *e)
{
	struct said said;
	ssize_t n = read(from, &said, sizeof said);
	waitpid(between, NULL, 0);
	if (n != sizeof said)
		return err_set(e, EIO, "clone: no answer");
	if (said.pid < 0)
		return err_set(e, said.e.code, "%s", said.e.msg);
	*ret = (struct ns_child){ said.pid, (int)syscall(SYS_pidfd_open, said.pid, 0) };
	return ret->pidfd < 0 ? err_sys(e, "pidfd") : 0;
}

int ns_clone_joined(int net, uint64_t flags, int cgroup, struct ns_child *ret, struct err *e)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	*ret = (struct ns_child){ -1, -1 };
	pid_t between = fork();
	if (between == 0)
		return clone_sibling(net, flags, cgroup, pair, ret);
	close(pair[1]);
	int r = between < 0 ? err_sys(e, "fork") : take_sibling(pair[0], between, ret, e);
	close(pair[0]);
	return r;
}

int ns_open(pid_t pid, const char *name, struct err *e)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s namespace", name) : fd;
}

int ns_network(struct setup *s, struct err *e)
{
	if (s->spec->net != SANDBOX_NET_NONE)
		return 0;
	autofd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &lo) < 0)
		return err_sys(e, "loopback");
	return 0;
}

int ns_hostname(struct setup *s, struct err *e)
{
	const char *name = s->spec->hostname;
	return sethostname(name, strlen(name)) < 0 ? err_sys(e, "%s", name) : 0;
}
