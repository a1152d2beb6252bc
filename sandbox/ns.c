#include "sandbox/ns.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

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
	return net == SANDBOX_NET_HOST ? flags : flags | CLONE_NEWNET;
}

int ns_clone(uint64_t flags, int cgroup, struct ns_child *ret, struct err *e)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
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

int ns_open(pid_t pid, const char *name, struct err *e)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s namespace", name) : fd;
}

int ns_network(struct setup *s, struct err *e)
{
	if (s->spec->net == SANDBOX_NET_HOST)
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
