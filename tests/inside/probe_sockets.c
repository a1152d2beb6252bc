/* Probes of sockets, terminals and signals. */
#include "tests/inside/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	VSOCK = 40,
	TIPC = 30,
	XDP = 44,
	SCTP = 132,
	DCCP = 33,
	TYPE_DCCP = 6,
	TYPE_PACKET = 10,
	LINUX_CONSOLE = 0x541c, /* TIOCLINUX */
	GSM0710 = 21,           /* a line discipline that loads a module */
};

#define SOCKET(function, family, type, protocol)                            \
	static int function(void)                                           \
	{                                                                   \
		return socket((family), (type) | SOCK_CLOEXEC, (protocol)); \
	}

SOCKET(s_unix, AF_UNIX, SOCK_STREAM, 0)
SOCKET(s_inet, AF_INET, SOCK_STREAM, 0)
SOCKET(s_inet6, AF_INET6, SOCK_DGRAM, IPPROTO_UDP)
SOCKET(s_ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
SOCKET(s_raw, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET(s_sctp, AF_INET, SOCK_SEQPACKET, SCTP)
SOCKET(s_dccp, AF_INET, TYPE_DCCP, 0)
SOCKET(s_dccp6, AF_INET6, TYPE_DCCP, DCCP)
SOCKET(s_disguised, AF_INET, TYPE_PACKET, 0)
SOCKET(s_vsock, VSOCK, SOCK_STREAM, 0)
SOCKET(s_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET(s_alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(s_bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
SOCKET(s_tipc, TIPC, SOCK_SEQPACKET, 0)
SOCKET(s_can, AF_CAN, SOCK_RAW, 1)
SOCKET(s_xdp, XDP, SOCK_RAW, 0)
SOCKET(s_rds, AF_RDS, SOCK_SEQPACKET, 0)
SOCKET(s_key, AF_KEY, SOCK_RAW, 2)
SOCKET(s_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
SOCKET(s_netfilter, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
SOCKET(s_uevent, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)
SOCKET(s_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
SOCKET(s_generic, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)

/* A pair makes two sockets of the family before it asks whether the family knows pairs. EOPNOTSUPP: they were made. */
static int pair_of(int family, int type)
{
	int pair[2];
	return socketpair(family, type | SOCK_CLOEXEC, 0, pair) == 0 || errno == EOPNOTSUPP ? 0
											    : -1;
}

#define PAIR(function, family, type)              \
	static int function(void)                 \
	{                                         \
		return pair_of((family), (type)); \
	}

PAIR(p_unix, AF_UNIX, SOCK_STREAM)
PAIR(p_inet, AF_INET, SOCK_STREAM)
PAIR(p_vsock, VSOCK, SOCK_STREAM)
PAIR(p_alg, AF_ALG, SOCK_SEQPACKET)
PAIR(p_tipc, TIPC, SOCK_SEQPACKET)
PAIR(p_netlink, AF_NETLINK, SOCK_RAW)

/* --- a terminal of one's own --------------------------------------------------------------------- */

/* In a child of its own session, whose terminal it becomes. */
static int on_terminal(unsigned long request, uintptr_t argument)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	char *name = fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ? NULL : ptsname(fd);
	if (!name || setsid() < 0)
		return -1;
	int tty = open(name, O_RDWR | O_CLOEXEC);
	if (tty < 0)
		return -1;
	return (int)syscall(SYS_ioctl, tty, request, argument);
}

static int t_push(void)
{
	return on_terminal(TIOCSTI, (uintptr_t) "x");
}

static int t_push_wide(void)
{
	return on_terminal(TIOCSTI | 1UL << 32, (uintptr_t) "x");
}

static int t_console(void)
{
	return on_terminal(LINUX_CONSOLE, (uintptr_t) "\013");
}

static int t_discipline(void)
{
	static const int number = GSM0710;
	return on_terminal(TIOCSETD, (uintptr_t)&number);
}

static int t_size(void)
{
	struct winsize size;
	return on_terminal(TIOCGWINSZ, (uintptr_t)&size);
}

/* --- signals ---------------------------------------------------------------------------------------- */

static int k_victim(void)
{
	return kill(probe_victim, SIGCONT) < 0 ? -1 : 0;
}

/* Not a zombie, and not gone. */
static bool alive(int pid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return false;
	close(fd);
	const char *state = strrchr(text, ')');
	return state && state[1] && state[2] != 'Z';
}

/* Ending init would end the sandbox; outside the victim is given to us for that. */
static int k_end(void)
{
	if (kill(probe_victim, SIGKILL) < 0)
		return -1;
	usleep(200 * 1000);
	errno = EPERM; /* it was allowed and had no effect: the kernel keeps init */
	return alive(probe_victim) ? -1 : 0;
}

const struct probe probe_sockets[] = {
	{ "unix", s_unix, 0 },
	{ "inet", s_inet, 0 },
	{ "inet6", s_inet6, 0 },
	{ "ping", s_ping, 0 },
	{ "raw", s_raw, 0 },
	{ "sctp", s_sctp, 0 },
	{ "dccp", s_dccp, 0 },
	{ "dccp6", s_dccp6, 0 },
	{ "disguised_packet", s_disguised, 0 },
	{ "vsock", s_vsock, 0 },
	{ "packet", s_packet, 0 },
	{ "alg", s_alg, 0 },
	{ "bluetooth", s_bluetooth, 0 },
	{ "tipc", s_tipc, 0 },
	{ "can", s_can, 0 },
	{ "xdp", s_xdp, 0 },
	{ "rds", s_rds, 0 },
	{ "pf_key", s_key, 0 },
	{ "route", s_route, 0 },
	{ "netfilter", s_netfilter, 0 },
	{ "uevent", s_uevent, 0 },
	{ "audit", s_audit, 0 },
	{ "generic", s_generic, 0 },
	{ "pair_unix", p_unix, 0 },
	{ "pair_inet", p_inet, 0 },
	{ "pair_vsock", p_vsock, 0 },
	{ "pair_alg", p_alg, 0 },
	{ "pair_tipc", p_tipc, 0 },
	{ "pair_netlink", p_netlink, 0 },
	{ "push_input", t_push, 0 },
	{ "push_input_wide", t_push_wide, 0 },
	{ "console", t_console, 0 },
	{ "line_discipline", t_discipline, 0 },
	{ "window_size", t_size, 0 },
	{ "signal", k_victim, 0 },
	{ "kill", k_end, 0 }, /* the last one: outside it leaves no victim */
	{ 0 },
};
