/* Probes that are one system call, or two. */
#include "tests/inside/probe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEY_SESSION = -3, KEY_PROCESS = -2, NONE = -1, NOBODY_KNOWS = 1000, NEWTIME = 0x80 };

static char zeros[4096];

/* A system call of that number, refused or not. */
#define CALL(function, number, ...)                                      \
	static int function(void)                                        \
	{                                                                \
		return (int)syscall((number), __VA_ARGS__) < 0 ? -1 : 0; \
	}

/* A child cloned with these flags; it ends at once. */
static int clones(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -1;
	waitpid((pid_t)pid, NULL, 0);
	return 0;
}

#define CLONES(function, flags)         \
	static int function(void)       \
	{                               \
		return clones((flags)); \
	}

static int clone3_of(uint64_t flags)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int clone3_userns(void)
{
	return clone3_of(CLONE_NEWUSER);
}

CALL(unshare_user, SYS_unshare, CLONE_NEWUSER)
CALL(unshare_mount, SYS_unshare, CLONE_NEWNS)
CALL(unshare_time, SYS_unshare, NEWTIME)
CALL(unshare_files, SYS_unshare, CLONE_FILES)
CLONES(clone_user, CLONE_NEWUSER)
CLONES(clone_net, CLONE_NEWNET)
CLONES(clone_pid, CLONE_NEWPID)
CLONES(clone_ipc, CLONE_NEWIPC)
CLONES(clone_uts, CLONE_NEWUTS)
CLONES(clone_cgroup, CLONE_NEWCGROUP)
CLONES(clone_plain, 0)

CALL(key_add, SYS_add_key, "user", "courser-probe", "x", 1, KEY_PROCESS)
CALL(key_request, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SESSION, 1)
CALL(key_join, SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "courser-probe")
CALL(bpf_map, SYS_bpf, BPF_MAP_CREATE,
     &(union bpf_attr){
	     .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 },
     sizeof(union bpf_attr))
CALL(perf_open, SYS_perf_event_open,
     &(struct perf_event_attr){ .type = PERF_TYPE_SOFTWARE,
				.size = sizeof(struct perf_event_attr) },
     0, NONE, NONE, 0)
CALL(userfault, SYS_userfaultfd, UFFD_USER_MODE_ONLY)
CALL(uring_setup, SYS_io_uring_setup, 8, &(struct io_uring_params){ 0 })
CALL(uring_enter, SYS_io_uring_enter, NONE, 0, 0, 0, NULL, 0)
CALL(uring_register, SYS_io_uring_register, NONE, 0, NULL, 0)
CALL(yet_to_come, NOBODY_KNOWS, 0)

/* What the arguments make an error of anyhow, once the caller may. */
CALL(kexec, SYS_kexec_load, 0, 0, NULL, ~0UL)
CALL(kexec_file, SYS_kexec_file_load, NONE, NONE, 0, NULL, ~0UL)
CALL(module_init, SYS_init_module, zeros, 1, "")
CALL(module_file, SYS_finit_module, NONE, "", 0)
CALL(module_delete, SYS_delete_module, NULL, 0)
CALL(reboot_now, SYS_reboot, 0, 0, 0, NULL)
CALL(swap_on, SYS_swapon, "/nonexistent", 0x10000000)
CALL(swap_off, SYS_swapoff, "/nonexistent")
CALL(account, SYS_acct, "/nonexistent/file")
CALL(clock_day, SYS_settimeofday, &((long[2]){ -1, -1 }), NULL)
CALL(clock_of, SYS_clock_settime, 99, NULL)
CALL(quota, SYS_quotactl, 0xffffff, NULL, 0, NULL)
CALL(dmesg, SYS_syslog, 3, zeros, sizeof zeros)
CALL(hang_up, SYS_vhangup, 0)
CALL(handle_open, SYS_open_by_handle_at, NONE, NULL, 0)
CALL(fan_init, SYS_fanotify_init, ~0U, 0)
CALL(pid_getfd, SYS_pidfd_getfd, NONE, 0, 0)
CALL(compare, SYS_kcmp, 0, 0, 99, 0, 0)
CALL(advise_other, SYS_process_madvise, NONE, NULL, 0, 0, 1)
CALL(bind_memory, SYS_mbind, NULL, 0, 0, NULL, 0, ~0U)
CALL(host_name, SYS_sethostname, "probe", 5)
CALL(persona_random, SYS_personality, 0x40000)
CALL(persona_exec, SYS_personality, 0x400000)
CALL(persona_ask, SYS_personality, 0xffffffff)
CALL(memory_map, SYS_prctl, PR_SET_MM, PR_SET_MM_BRK, sbrk(0), 0, 0)
#ifdef __x86_64__
CALL(fs_list, SYS_sysfs, 3)
CALL(fs_stat, SYS_ustat, 0, zeros)
CALL(io_level, SYS_iopl, 4)
CALL(io_ports, SYS_ioperm, ~0UL, 1, 1)

/* The 32-bit door of a 64-bit kernel: another table of calls. */
static int other_abi(void)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	return r > 0 ? 0 : -1;
}

static int x32_abi(void)
{
	return syscall(0x40000000 | SYS_getpid) > 0 || errno == ENOSYS ? 0 : -1;
}
#endif

/* One's own filter must work: browsers and test suites bring theirs. */
static int own_filter(unsigned flags)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog p = { 1, &allow };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p) < 0 ? -1 : 0;
}

static int filter_plain(void)
{
	return own_filter(0);
}

static int realtime(void)
{
	struct {
		int priority;
	} p = { 1 };
	return syscall(SYS_sched_setscheduler, 0, 1 /* SCHED_FIFO */, &p) < 0 ? -1 : 0;
}

static int nicer(void)
{
	return setpriority(PRIO_PROCESS, 0, -10);
}

/* A dump of core goes to a program of the host where core_pattern says so: 1 is the one limit that stops it, and
 * it must stay. */
static int core_again(void)
{
	struct rlimit r = { 0, 1 }, now;
	if (getrlimit(RLIMIT_CORE, &now) < 0)
		return -1;
	if (now.rlim_max == RLIM_INFINITY)
		return 0; /* nothing holds it: what the probe wants */
	(void)setrlimit(RLIMIT_CORE, &r);
	(void)syscall(SYS_setrlimit, RLIMIT_CORE, &r);
	if (getrlimit(RLIMIT_CORE, &now) < 0)
		return -1;
	errno = EPERM;
	return now.rlim_cur == 1 && now.rlim_max == 1 ? -1 : 0;
}

static const struct probe calls[] = {
	{ "unshare_user", unshare_user, 0 },
	{ "unshare_mount", unshare_mount, 0 },
	{ "unshare_time", unshare_time, 0 },
	{ "unshare_files", unshare_files, 0 },
	{ "clone_user", clone_user, 0 },
	{ "clone_net", clone_net, 0 },
	{ "clone_pid", clone_pid, 0 },
	{ "clone_ipc", clone_ipc, 0 },
	{ "clone_uts", clone_uts, 0 },
	{ "clone_cgroup", clone_cgroup, 0 },
	{ "clone_plain", clone_plain, 0 },
	{ "clone3_user", clone3_userns, 0 },
	{ "add_key", key_add, 0 },
	{ "keyring", key_request, 0 },
	{ "join_keyring", key_join, 0 },
	{ "bpf", bpf_map, PROBE_ROOT },
	{ "perf_event_open", perf_open, PROBE_ROOT },
	{ "userfaultfd", userfault, 0 },
	{ "io_uring_setup", uring_setup, 0 },
	{ "io_uring_enter", uring_enter, 0 },
	{ "io_uring_register", uring_register, 0 },
	{ "a_call_to_come", yet_to_come, 0 },
	{ "kexec_load", kexec, 0 },
	{ "kexec_file_load", kexec_file, 0 },
	{ "init_module", module_init, 0 },
	{ "finit_module", module_file, 0 },
	{ "delete_module", module_delete, 0 },
	{ "reboot", reboot_now, 0 },
	{ "swapon", swap_on, 0 },
	{ "swapoff", swap_off, PROBE_ROOT },
	{ "acct", account, PROBE_ROOT },
	{ "settimeofday", clock_day, 0 },
	{ "clock_settime", clock_of, 0 },
	{ "quotactl", quota, 0 },
	{ "syslog", dmesg, PROBE_ROOT },
	{ "vhangup", hang_up, 0 },
	{ "open_by_handle_at", handle_open, 0 },
	{ "fanotify_init", fan_init, PROBE_ROOT },
	{ "pidfd_getfd", pid_getfd, 0 },
	{ "kcmp", compare, 0 },
	{ "process_madvise", advise_other, 0 },
	{ "mbind", bind_memory, 0 },
	{ "sethostname", host_name, 0 },
	{ "no_randomize", persona_random, 0 },
	{ "read_implies_exec", persona_exec, 0 },
	{ "what_personality", persona_ask, 0 },
	{ "set_mm", memory_map, 0 },
#ifdef __x86_64__
	{ "sysfs", fs_list, 0 },
	{ "ustat", fs_stat, 0 },
	{ "iopl", io_level, 0 },
	{ "ioperm", io_ports, 0 },
	{ "int80", other_abi, 0 },
	{ "x32", x32_abi, 0 },
#endif
	{ "own_filter", filter_plain, 0 },
	{ "realtime", realtime, PROBE_ROOT },
	{ "nicer", nicer, PROBE_ROOT },
	{ "core_again", core_again, 0 },
	{ 0 },
};

const struct probe *const probe_tables[] = { calls, probe_files, probe_sockets, NULL };
