#include "sandbox/rootfs.h"

#include "base/fd.h"
#include "sandbox/mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { ROOT_BYTES = 1 << 20 };

/* What a job sees of the host, beside a filtered /etc. A link is made as the host has it. */
static const char *const host_names[] = { "usr",   "bin",   "sbin",   "lib",
					  "lib32", "lib64", "libx32", "opt" };

/* Empty directories of the root, which is read-only later. */
static const char *const empty_dirs[] = { "etc",       "dev",     "proc", "tmp",
					  "run",       "home",    "var",  "var/lib",
					  "var/cache", "var/log", "mnt",  "var/spool" };

int rootfs_tmpfs(const struct setup *s, const char *path, const char *mode, uint64_t size,
		 struct err *e)
{
	char data[96];
	bool owned = mode[0] == '7';
	snprintf(data, sizeof data, "size=%llu,mode=%s,uid=%u,gid=%u", (unsigned long long)size,
		 mode, owned ? s->spec->uid : geteuid(), owned ? s->spec->gid : getegid());
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, data) < 0)
		return err_sys(e, "%s", path);
	return 0;
}

/* A stage's root is the root: read-only, and with every directory that is mounted on. */
static int stay(struct setup *s, struct err *e)
{
	s->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->root < 0 || fchdir(s->root) < 0 ? err_sys(e, "/") : 0;
}

int rootfs_mount(struct setup *s, struct err *e)
{
	umask(022);
	if (s->staged)
		return stay(s, e);
	if (rootfs_tmpfs(s, "/tmp", "0755", ROOT_BYTES, e) < 0)
		return -1;
	s->root = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0 || fchdir(s->root) < 0)
		return err_sys(e, "/tmp");
	for (size_t i = 0; i < sizeof empty_dirs / sizeof *empty_dirs; i++)
		if (mkdir(empty_dirs[i], 0755) < 0)
			return err_sys(e, "%s", empty_dirs[i]);
	return symlink("../tmp", "var/tmp") < 0 || symlink("../run", "var/run") < 0
		       ? err_sys(e, "links in /var")
		       : 0;
}

static int show_link(const char *host, const char *name, struct err *e)
{
	char to[PATH_MAX];
	ssize_t n = readlink(host, to, sizeof to - 1);
	if (n <= 0)
		return err_sys(e, "%s", host);
	to[n] = '\0';
	return symlink(to, name) < 0 ? err_sys(e, "%s", host) : 0;
}

static int show_tree(const char *host, const char *name, struct err *e)
{
	if (mkdir(name, 0755) < 0)
		return err_sys(e, "%s", host);
	autofd tree = mounts_clone(AT_FDCWD, host, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, e);
	if (tree < 0)
		return -1;
	if (move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "%s", host);
	return 0;
}

int rootfs_host(struct setup *s, struct err *e)
{
	if (s->staged)
		return 0;
	for (size_t i = 0; i < sizeof host_names / sizeof *host_names; i++) {
		char host[16];
		struct stat st;
		snprintf(host, sizeof host, "/%s", host_names[i]);
		if (lstat(host, &st) < 0)
			continue;
		if (S_ISLNK(st.st_mode) && show_link(host, host_names[i], e) < 0)
			return -1;
		if (S_ISDIR(st.st_mode) && show_tree(host, host_names[i], e) < 0)
			return -1;
	}
	return 0;
}

/* A tmpfs on the directory path of the root, which is made if it is not there. */
static int private_at(struct setup *s, const char *path, const char *mode, uint64_t size,
		      struct err *e)
{
	autofd dir = mounts_target(s->root, path + 1, false, e);
	if (dir < 0)
		return -1;
	/* In a stage /proc knows no process: no path by fd. */
	if (fchdir(dir) < 0 || rootfs_tmpfs(s, ".", mode, size, e) < 0)
		return err_wrap(e, "%s", path);
	return fchdir(s->root) < 0 ? err_sys(e, "root") : 0;
}

int rootfs_places(struct setup *s, struct err *e)
{
	autofd home = mounts_target(s->root, s->spec->home + 1, false, e);
	autofd work = home < 0 ? -1 : mounts_target(s->root, s->spec->work + 1, false, e);
	return work < 0 ? -1 : 0;
}

int rootfs_private(struct setup *s, struct err *e)
{
	uint64_t size = s->spec->tmp_bytes;
	if (rootfs_tmpfs(s, "tmp", "1777", size, e) < 0 ||
	    rootfs_tmpfs(s, "run", "0755", size, e) < 0)
		return -1;
	if (mkdir("run/job", 0700) < 0 || chown("run/job", s->spec->uid, s->spec->gid) < 0)
		return err_sys(e, "/run/job");
	if (private_at(s, s->spec->home, "700", size, e) < 0)
		return -1;
	return private_at(s, s->spec->work, "0755", ROOT_BYTES, e);
}

int rootfs_pivot(struct setup *s, struct err *e)
{
	if (s->staged) {
		fd_close(&s->root);
		return 0;
	}
	if (fchdir(s->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "pivot_root");
	/* The old root now lies on the new one, and "." is it. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, "old root");
	fd_close(&s->root);
	return 0;
}

static int writable(const char *path, bool on, struct err *e)
{
	struct mount_attr a = { .attr_set = on ? 0 : MOUNT_ATTR_RDONLY,
				.attr_clr = on ? MOUNT_ATTR_RDONLY : 0 };
	return mount_setattr(AT_FDCWD, path, 0, &a, sizeof a) < 0 ? err_sys(e, "%s", path) : 0;
}

int rootfs_open_work(struct setup *s, struct err *e)
{
	return writable(s->spec->work, true, e);
}

int rootfs_seal_work(struct setup *s, struct err *e)
{
	return writable(s->spec->work, false, e);
}

int rootfs_seal_stage(struct setup *s, struct err *e)
{
	(void)s;
	return writable("/", false, e) < 0 ? -1 : writable("/dev", false, e);
}

int rootfs_seal(struct setup *s, struct err *e)
{
	if (!s->staged && rootfs_seal_stage(s, e) < 0)
		return -1;
	return rootfs_seal_work(s, e);
}
