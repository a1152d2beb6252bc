/* Probes of files: mounts, devices, /proc and /sys. What could do harm is opened and not written. */
#include "tests/inside/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME = 64, FDS = 64 };

/* --- mounts -------------------------------------------------------------------------------------- */

static int m_tmpfs(void)
{
	return mount("probe", "/tmp", "tmpfs", 0, NULL);
}

static int m_bind(void)
{
	return mount("/usr", "/tmp", NULL, MS_BIND, NULL);
}

/* A read-only mount made writable. */
static int m_remount(void)
{
	if (mount("/usr", "/usr", NULL, MS_BIND | MS_REC, NULL) < 0)
		return -1;
	return mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int m_unmount(void)
{
	return umount2("/proc", MNT_DETACH);
}

static int m_fsopen(void)
{
	return fsopen("tmpfs", 0);
}

static int m_fspick(void)
{
	return fspick(AT_FDCWD, "/", 0);
}

static int m_fsconfig(void)
{
	int r = fsconfig(-1, 0, NULL, NULL, 0);
	return r < 0 && errno == EINVAL ? 0 : r;
}

static int m_clone_tree(void)
{
	return open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE | AT_RECURSIVE);
}

static int m_move(void)
{
	int r = move_mount(-1, "", -1, "", 0);
	return r < 0 && (errno == ENOENT || errno == EBADF) ? 0 : r;
}

static int m_attributes(void)
{
	struct mount_attr a = { .propagation = MS_PRIVATE };
	return mount_setattr(AT_FDCWD, "/", 0, &a, sizeof a);
}

static int m_pivot(void)
{
	int r = (int)syscall(SYS_pivot_root, "/nonexistent", "/nonexistent");
	return r < 0 && errno == ENOENT ? 0 : r;
}

/* The classic way out: a directory held open above the new root. */
static int m_chroot(void)
{
	char where[NAME] = "/tmp/probe-XXXXXX";
	if (!mkdtemp(where))
		return -1;
	int r = chroot(where);
	rmdir(where);
	return r;
}

static int m_setns(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, 0);
}

/* --- devices ------------------------------------------------------------------------------------- */

static int make_node(mode_t type, unsigned major, unsigned minor)
{
	char where[NAME] = "/tmp/probe-XXXXXX", path[NAME + 8];
	if (!mkdtemp(where))
		return -1;
	snprintf(path, sizeof path, "%s/d", where);
	int r = mknod(path, type | 0600, makedev(major, minor));
	int code = errno;
	unlink(path);
	rmdir(where);
	errno = code;
	return r;
}

static int d_block(void)
{
	return make_node(S_IFBLK, 254, 0);
}

static int d_char(void)
{
	return make_node(S_IFCHR, 1, 11);
}

static int d_whiteout(void)
{
	return make_node(S_IFCHR, 0, 0);
}

static int d_fifo(void)
{
	return make_node(S_IFIFO, 0, 0);
}

/* Something of the list that can be opened. */
static int any_opens(const char *const *paths, int flags)
{
	for (; *paths; paths++)
		if (open(*paths, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) >= 0)
			return 0;
	return -1;
}

static int d_raw(void)
{
	static const char *const paths[] = { "/dev/kmsg",         "/dev/mem",         "/dev/sda",
					     "/dev/vda",          "/dev/kvm",         "/dev/fuse",
					     "/dev/net/tun",      "/dev/userfaultfd", "/dev/loop0",
					     "/dev/loop-control", "/dev/console",     "/dev/uinput",
					     "/dev/vsock",        "/dev/snapshot",    NULL };
	return any_opens(paths, O_RDONLY);
}

static int d_raw_there(void)
{
	static const char *const paths[] = { "/dev/kmsg",  "/dev/mem",     "/dev/sda",
					     "/dev/vda",   "/dev/kvm",     "/dev/fuse",
					     "/dev/loop0", "/dev/console", "/dev/vsock",
					     NULL };
	struct stat st;
	for (const char *const *p = paths; *p; p++)
		if (stat(*p, &st) == 0)
			return 0;
	return -1;
}

/* --- proc and sys -------------------------------------------------------------------------------- */

#define WRITES(function, ...)                                             \
	static int function(void)                                         \
	{                                                                 \
		static const char *const paths[] = { __VA_ARGS__, NULL }; \
		return any_opens(paths, O_WRONLY);                        \
	}

WRITES(w_core_pattern, "/proc/sys/kernel/core_pattern")
WRITES(w_sysrq, "/proc/sysrq-trigger")
WRITES(w_memory, "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory")
WRITES(w_user_limits, "/proc/sys/user/max_user_namespaces")
WRITES(w_net, "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ping_group_range")
WRITES(w_host, "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname")
WRITES(w_uevent, "/sys/kernel/uevent_helper", "/sys/power/state",
       "/sys/module/kernel/parameters/panic")
WRITES(w_cgroup, "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent",
       "/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/release_agent")

/* A byte can be read that says something. */
static int reads(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = read(fd, text, sizeof text);
	errno = n < 0 ? errno : ENODATA;
	return n > 0 ? 0 : -1;
}

#define READS(function, path)       \
	static int function(void)   \
	{                           \
		return reads(path); \
	}

READS(r_cmdline, "/proc/cmdline")
READS(r_kcore, "/proc/kcore")
READS(r_keys, "/proc/keys")
READS(r_kallsyms, "/proc/kallsyms")
READS(r_timers, "/proc/timer_list")
READS(r_slab, "/proc/slabinfo")
READS(r_pages, "/proc/kpageflags")
READS(r_kmsg, "/proc/kmsg")

static int r_firmware(void)
{
	DIR *d = opendir("/sys/firmware");
	for (struct dirent *f; d && (f = readdir(d)) != NULL;)
		if (f->d_name[0] != '.')
			return 0;
	errno = ENOENT;
	return -1;
}

/* What of the victim's can be had: path in its directory. */
static int of_victim(const char *name, int flags)
{
	char path[NAME];
	snprintf(path, sizeof path, "/proc/%d/%s", probe_victim, name);
	return open(path, flags | O_CLOEXEC);
}

#define VICTIM(function, name, flags)              \
	static int function(void)                  \
	{                                          \
		return of_victim((name), (flags)); \
	}

VICTIM(v_environ, "environ", O_RDONLY)
VICTIM(v_mem, "mem", O_RDWR)
VICTIM(v_exe, "exe", O_RDONLY)
VICTIM(v_maps, "maps", O_RDONLY)
VICTIM(v_root, "root", O_RDONLY | O_DIRECTORY)
VICTIM(v_cwd, "cwd", O_RDONLY | O_DIRECTORY)
VICTIM(v_fds, "fd", O_RDONLY | O_DIRECTORY)

static int v_exe_write(void)
{
	int r = of_victim("exe", O_WRONLY);
	return r < 0 && errno == ETXTBSY ? 0 : r; /* it may, when the program ends */
}

static int v_attach(void)
{
	return (int)ptrace(PTRACE_SEIZE, probe_victim, NULL, NULL);
}

/* The victim's own memory, at an address that every process has: what the kernel answers for an address that is
 * not mapped is EFAULT, once the caller may look. */
static int v_read(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)4096, 1 };
	ssize_t n = process_vm_readv(probe_victim, &here, 1, &there, 1, 0);
	return n >= 0 || errno == EFAULT ? 0 : -1;
}

/* A limit on the time of init would end it; what is set here is what it has. */
static int v_limits(void)
{
	struct rlimit r;
	if (prlimit(probe_victim, RLIMIT_NOFILE, NULL, &r) < 0)
		return -1;
	return prlimit(probe_victim, RLIMIT_NOFILE, &r, NULL);
}

/* A process that is not the job's. */
static int strangers(void)
{
	DIR *d = opendir("/proc");
	int n = 0;
	for (struct dirent *f; d && (f = readdir(d)) != NULL;)
		n += f->d_name[0] >= '1' && f->d_name[0] <= '9';
	errno = ESRCH;
	return n > 8 ? 0 : -1;
}

/* The out-of-memory killer's preference: below what we were given. */
static int oom_less(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, "-500", 4) != 4 ? -1 : 0;
}

/* A descriptor that leads out of the root: any directory beyond 2. */
static int leaked_fd(void)
{
	for (int fd = 3; fd < FDS; fd++) {
		struct stat st;
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
	}
	errno = EBADF;
	return -1;
}

static int root_write(void)
{
	static const char *const paths[] = { "/usr/probe", "/etc/probe", "/probe",
					     "/dev/probe", "/var/probe", NULL };
	for (const char *const *p = paths; *p; p++)
		if (open(*p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) >= 0) {
			unlink(*p);
			return 0;
		}
	return -1;
}

const struct probe probe_files[] = {
	{ "mount", m_tmpfs, 0 },
	{ "bind_mount", m_bind, 0 },
	{ "remount_writable", m_remount, 0 },
	{ "umount", m_unmount, 0 },
	{ "fsopen", m_fsopen, 0 },
	{ "fspick", m_fspick, 0 },
	{ "fsconfig", m_fsconfig, 0 },
	{ "open_tree", m_clone_tree, 0 },
	{ "move_mount", m_move, 0 },
	{ "mount_setattr", m_attributes, 0 },
	{ "pivot_root", m_pivot, 0 },
	{ "chroot", m_chroot, 0 },
	{ "setns", m_setns, 0 },
	{ "block_device", d_block, PROBE_ROOT },
	{ "char_device", d_char, PROBE_ROOT },
	{ "whiteout", d_whiteout, 0 },
	{ "fifo", d_fifo, 0 },
	{ "device_open", d_raw, 0 },
	{ "device_there", d_raw_there, PROBE_ROOT },
	{ "write_core_pattern", w_core_pattern, PROBE_ROOT },
	{ "write_sysrq", w_sysrq, 0 },
	{ "write_vm", w_memory, PROBE_ROOT },
	{ "write_max_user_namespaces", w_user_limits, 0 },
	{ "write_net", w_net, 0 },
	{ "write_hostname", w_host, PROBE_ROOT },
	{ "write_uevent_helper", w_uevent, 0 },
	{ "write_cgroup", w_cgroup, PROBE_ROOT },
	{ "read_cmdline", r_cmdline, PROBE_ROOT },
	{ "read_kcore", r_kcore, 0 },
	{ "read_keys", r_keys, PROBE_ROOT },
	{ "read_kallsyms", r_kallsyms, PROBE_ROOT },
	{ "read_timer_list", r_timers, PROBE_ROOT },
	{ "read_slabinfo", r_slab, PROBE_ROOT },
	{ "read_kpageflags", r_pages, PROBE_ROOT },
	{ "read_kmsg", r_kmsg, 0 },
	{ "read_firmware", r_firmware, PROBE_ROOT },
	{ "victim_environ", v_environ, 0 },
	{ "victim_mem", v_mem, 0 },
	{ "victim_exe", v_exe, 0 },
	{ "victim_exe_write", v_exe_write, 0 },
	{ "victim_maps", v_maps, 0 },
	{ "victim_root", v_root, 0 },
	{ "victim_cwd", v_cwd, 0 },
	{ "victim_fds", v_fds, 0 },
	{ "victim_attach", v_attach, 0 },
	{ "victim_read", v_read, 0 },
	{ "victim_limits", v_limits, 0 },
	{ "strangers", strangers, PROBE_ROOT },
	{ "oom_less", oom_less, 0 },
	{ "leaked_directory", leaked_fd, 0 },
	{ "root_write", root_write, 0 },
	{ 0 },
};
