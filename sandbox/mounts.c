#include "sandbox/mounts.h"

#include "base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CLONE_TREE = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE };

static uint64_t attributes(const struct sandbox_mount *m)
{
	uint64_t attr = MOUNT_ATTR_NOSUID;
	if (m->flags & SANDBOX_READONLY)
		attr |= MOUNT_ATTR_RDONLY;
	if (m->flags & SANDBOX_NOEXEC)
		attr |= MOUNT_ATTR_NOEXEC;
	if (!(m->flags & SANDBOX_DEVICE))
		attr |= MOUNT_ATTR_NODEV;
	return attr;
}

static int set_attributes(int tree, uint64_t attr, unsigned flags, struct err *e)
{
	struct mount_attr a = {
		.attr_set = attr | MOUNT_ATTR_NOSUID,
		.propagation = MS_PRIVATE,
	};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | flags, &a, sizeof a) < 0)
		return err_sys(e, "mount attributes");
	return 0;
}

int mounts_clone(int dir, const char *path, uint64_t attr, struct err *e)
{
	autofd tree = open_tree(dir, path, CLONE_TREE | (path[0] ? 0u : (unsigned)AT_EMPTY_PATH));
	if (tree < 0)
		return err_sys(e, "%s", path[0] ? path : "open tree");
	if (set_attributes(tree, attr, AT_RECURSIVE, e) < 0)
		return err_wrap(e, "%s", path);
	return fd_take(&tree);
}

static bool same_inode(int a, int b)
{
	struct stat x, y;
	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* The fd belongs to a mount of another namespace: look its path up in ours. What is found counts
 * only if it is the very file that the fd holds. */
static int clone_by_path(int fd, uint64_t attr, struct err *e)
{
	char link[32], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return err_sys(e, "%s", link);
	path[n] = '\0';
	autofd tree = mounts_clone(AT_FDCWD, path, attr, e);
	if (tree < 0)
		return -1;
	if (!same_inode(tree, fd))
		return err_set(e, ESTALE, "%s: not what was handed over", path);
	return fd_take(&tree);
}

int mounts_clone_fd(int fd, uint64_t attr, bool may_defer, struct err *e)
{
	int tree = mounts_clone(fd, "", attr, e);
	return tree >= 0 || may_defer ? tree : clone_by_path(fd, attr, e);
}

static int open_source(const struct setup *s, const struct sandbox_mount *m, bool may_defer,
		       struct err *e)
{
	if (m->kind == SANDBOX_BIND_PATH)
		return mounts_clone(AT_FDCWD, m->source, attributes(m), e);
	return mounts_clone_fd(s->fds[m->fd], attributes(m), may_defer, e);
}

/* Outside, root gives the mounted root to who the job is there; inside, the set-up does it by the
 * id it has there. */
static int own(const struct setup *s, int tree, bool outside, struct err *e)
{
	const struct sandbox_spec *p = s->spec;
	uid_t uid = outside ? sandbox_ids_outside(p->uids, p->nuids, p->uid) : p->uid;
	gid_t gid = outside ? sandbox_ids_outside(p->gids, p->ngids, p->gid) : p->gid;
	if (fchownat(tree, "", uid, gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, "give it to the job");
	return 0;
}

/* By the spawner, where it is known who the job is: in an image it is not yet. */
static int own_outside(const struct setup *s, uint32_t i, struct err *e)
{
	if (s->spec->image.nlayers || !(s->spec->mounts[i].flags & SANDBOX_OWN))
		return 0;
	return own(s, s->trees[i], true, e);
}

/* Whether it has a source that is opened. */
static bool has_source(const struct sandbox_mount *m)
{
	return m->kind == SANDBOX_BIND_FD || m->kind == SANDBOX_BIND_PATH;
}

int mounts_open_sources(struct setup *s, bool may_defer, struct err *e)
{
	for (uint32_t i = 0; i < s->spec->nmounts; i++) {
		const struct sandbox_mount *m = &s->spec->mounts[i];
		if (!has_source(m) || s->trees[i] >= 0)
			continue;
		s->trees[i] = open_source(s, m, may_defer, e);
		if (s->trees[i] < 0 && !(may_defer && (e->code == EPERM || e->code == EINVAL)))
			return err_wrap(e, "%s", m->target);
		if (s->trees[i] >= 0 && may_defer && own_outside(s, i, e) < 0)
			return err_wrap(e, "%s", m->target);
	}
	return 0;
}

bool mounts_all_open(const struct setup *s)
{
	for (uint32_t i = 0; i < s->spec->nmounts; i++)
		if (has_source(&s->spec->mounts[i]) && s->trees[i] < 0)
			return false;
	return true;
}

void mounts_close_sources(struct setup *s)
{
	for (size_t i = 0; i < SANDBOX_MOUNTS; i++)
		fd_close(&s->trees[i]);
}

int mounts_open(struct setup *s, struct err *e)
{
	return mounts_open_sources(s, false, e);
}

static int open_in_root(int root, const char *path, struct err *e)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
	return fd < 0 ? err_sys(e, "%s", path) : (int)fd;
}

static int make_component(int dir, const char *name, bool file, struct err *e)
{
	if (!file)
		return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? err_sys(e, "%s", name) : 0;
	autofd fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	return fd < 0 && errno != EEXIST ? err_sys(e, "%s", name) : 0;
}

int mounts_target(int root, const char *path, bool file, struct err *e)
{
	struct err ignored = { 0 };
	int there = open_in_root(root, path, &ignored);
	if (there >= 0 || ignored.code != ENOENT)
		return there >= 0 ? there : err_set(e, ignored.code, "%s", ignored.msg);
	autofd dir = open_in_root(root, ".", e);
	for (const char *p = path; dir >= 0 && *p;) {
		char name[SANDBOX_PATH];
		size_t n = strcspn(p, "/");
		memcpy(name, p, n);
		name[n] = '\0';
		p += n + (p[n] == '/');
		if (make_component(dir, name, file && !*p, e) < 0)
			return err_wrap(e, "%s", path);
		int next = open_in_root(dir, name, e);
		fd_close(&dir);
		dir = next;
	}
	return fd_take(&dir);
}

int mounts_move(int tree, int target, struct err *e)
{
	if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, "move mount");
	return 0;
}

/* One "key=value" of a file system being configured. */
static int configure(int fs, const char *key, unsigned long long value, const char *format,
		     struct err *e)
{
	char text[32];
	snprintf(text, sizeof text, format[0] == 'o' ? "%llo" : "%llu", value);
	return fsconfig(fs, FSCONFIG_SET_STRING, key, text, 0) < 0 ? err_sys(e, "%s", key) : 0;
}

static int tmpfs_new(const struct setup *s, const struct sandbox_mount *m, struct err *e)
{
	autofd fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_sys(e, "tmpfs");
	if (configure(fs, "size", m->size, "u", e) < 0 || configure(fs, "mode", 0700, "o", e) < 0 ||
	    configure(fs, "uid", s->spec->uid, "u", e) < 0 ||
	    configure(fs, "gid", s->spec->gid, "u", e) < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "tmpfs");
	int tree = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes(m));
	return tree < 0 ? err_sys(e, "tmpfs") : tree;
}

/* A directory at its place, and nothing on it. */
static int make_folder(const struct setup *s, const struct sandbox_mount *m, struct err *e)
{
	struct stat st;
	autofd dir = mounts_target(s->root, m->target + 1, false, e);
	if (dir < 0)
		return -1;
	if (fstat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "not a directory");
	return m->flags & SANDBOX_OWN ? own(s, dir, false, e) : 0;
}

static int attach(struct setup *s, uint32_t i, struct err *e)
{
	const struct sandbox_mount *m = &s->spec->mounts[i];
	if (m->kind == SANDBOX_FOLDER)
		return make_folder(s, m, e);
	if (m->kind == SANDBOX_TMPFS)
		s->trees[i] = tmpfs_new(s, m, e);
	struct stat st;
	if (s->trees[i] < 0)
		return -1;
	if (fstat(s->trees[i], &st) < 0)
		return err_sys(e, "stat");
	if ((m->flags & SANDBOX_OWN) && st.st_uid != s->spec->uid &&
	    own(s, s->trees[i], false, e) < 0)
		return -1;
	autofd target = mounts_target(s->root, m->target + 1, !S_ISDIR(st.st_mode), e);
	if (target < 0 || mounts_move(s->trees[i], target, e) < 0)
		return -1;
	fd_close(&s->trees[i]);
	return 0;
}

int mounts_attach(struct setup *s, struct err *e)
{
	for (uint32_t i = 0; i < s->spec->nmounts; i++)
		if (attach(s, i, e) < 0)
			return err_wrap(e, "%s", s->spec->mounts[i].target);
	return 0;
}
