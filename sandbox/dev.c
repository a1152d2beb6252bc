#include "sandbox/dev.h"

#include "base/fd.h"
#include "sandbox/rootfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { DEV_BYTES = 64 << 10, TTY_GROUP = 5, SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC };

struct node {
	const char *path; /* on the host, and below the new root without its first '/' */
	unsigned major, minor;
};

static const struct node nodes[] = {
	{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
	{ "pts/ptmx", "dev/ptmx" },
};

/* What tells of the host or of others, or could do harm if a check elsewhere failed. */
static const char *const masked[] = {
	"proc/cmdline",     "proc/kcore",       "proc/keys",        "proc/key-users",
	"proc/kallsyms",    "proc/kmsg",        "proc/timer_list",  "proc/sysrq-trigger",
	"proc/kpagecount",  "proc/kpageflags",  "proc/kpagecgroup", "proc/latency_stats",
	"proc/sched_debug", "proc/vmallocinfo", "proc/slabinfo",
};

static int bind_node(const struct node *n, struct err *e)
{
	const char *to = n->path + 1;
	struct stat st;
	autofd file = open(to, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (file < 0 || mount(n->path, to, NULL, MS_BIND, NULL) < 0 || stat(to, &st) < 0)
		return err_sys(e, "%s", n->path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(n->major, n->minor))
		return err_set(e, ENODEV, "%s: not the device %u:%u", n->path, n->major, n->minor);
	return 0;
}

static int mount_pts(const struct setup *s, struct err *e)
{
	bool tty = sandbox_ids_outside(s->spec->gids, s->spec->ngids, TTY_GROUP) != UINT32_MAX;
	char data[64];
	snprintf(data, sizeof data, "newinstance,ptmxmode=0666,mode=0%s",
		 tty ? "620,gid=5" : "600");
	if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, data) < 0)
		return err_sys(e, "/dev/pts");
	return 0;
}

int dev_nodes(struct setup *s, struct err *e)
{
	if (rootfs_tmpfs(s, "dev", "0755", DEV_BYTES, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		if (bind_node(&nodes[i], e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			return err_sys(e, "/%s", links[i][1]);
	if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 0755) < 0)
		return err_sys(e, "/dev");
	return 0;
}

int dev_mount(struct setup *s, struct err *e)
{
	if ((!s->staged && dev_nodes(s, e) < 0) || mount_pts(s, e) < 0)
		return -1;
	return rootfs_tmpfs(s, "dev/shm", "1777", s->spec->tmp_bytes, e);
}

int dev_kernel(struct setup *s, struct err *e)
{
	if (mount("proc", "proc", "proc", SAFE, NULL) < 0)
		return err_sys(e, "/proc");
	if (s->spec->net != SANDBOX_NET_NONE)
		return 0;
	if (mkdir("sys", 0755) < 0 || mount("sysfs", "sys", "sysfs", SAFE | MS_RDONLY, NULL) < 0)
		return err_sys(e, "/sys");
	return 0;
}

static int mask(const char *const *paths, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (mount("dev/null", paths[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			return err_sys(e, "mask /%s", paths[i]);
	return 0;
}

/* A second lock beside the system call filter. */
static void no_user_namespaces(struct setup *s)
{
	autofd fd = open("proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		setup_note(s, "max_user_namespaces: %s", strerror(errno));
}

/* Services have no power over the network that they join, and some listen on port 80: where there are
 * any, every port is everybody's. */
static void share_ports(struct setup *s)
{
	if (s->spec->net != SANDBOX_NET_NONE || !s->spec->aliases[0])
		return;
	autofd fd = open("proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		setup_note(s, "ports below 1024: %s", strerror(errno));
}

int dev_proc(struct setup *s, struct err *e)
{
	if (mount("proc", "proc", "proc", SAFE, NULL) < 0)
		return err_sys(e, "/proc");
	if (s->spec->profile != SANDBOX_PROFILE_NESTED)
		no_user_namespaces(s);
	share_ports(s);
	if (mask(masked, sizeof masked / sizeof *masked, e) < 0)
		return -1;
	if (mount("proc/sys", "proc/sys", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, NULL) < 0)
		return err_sys(e, "/proc/sys");
	return 0;
}

int dev_sys(struct setup *s, struct err *e)
{
	if (s->spec->net != SANDBOX_NET_NONE) /* who mounts it must own the network */
		return 0;
	if (!s->staged && mkdir("sys", 0755) < 0 && errno != EEXIST) /* an image has one */
		return err_sys(e, "/sys");
	if (mount("sysfs", "sys", "sysfs", SAFE | MS_RDONLY, NULL) < 0) {
		setup_note(s, "no /sys: %s", strerror(errno));
		return 0;
	}
	if (mount("tmpfs", "sys/firmware", "tmpfs", SAFE | MS_RDONLY, "size=4k") < 0 &&
	    errno != ENOENT)
		return err_sys(e, "mask /sys/firmware");
	return 0;
}
