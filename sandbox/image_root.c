#include "sandbox/image_root.h"

#include "base/fd.h"
#include "sandbox/accounts.h"
#include "sandbox/etc.h"
#include "sandbox/idmap.h"
#include "sandbox/mounts.h"
#include "sandbox/ns.h"
#include "sandbox/rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	GROUND_BYTES = 1 << 20,
	UPPER_IN_MEMORY = 1 << 30,
	OPTIONS = 4096,
	KEPT = 16,
	BLOCK = 65536,
};

/* --- ids ----------------------------------------------------------------------------------------- */

/* User namespaces that say how ids of the disk are seen: one for each range of jobs, kept. */
static struct {
	uint32_t from, to;
	int ns;
} kept[KEPT];
static unsigned next_kept;

static int make_mapping(uint32_t from, uint32_t to, struct err *e)
{
	static struct sandbox_spec maps;
	struct ns_child child;
	int sync[2];
	maps.map_by = SANDBOX_MAP_DIRECT;
	maps.nuids = maps.ngids = 1;
	maps.uids[0] = maps.gids[0] = (struct sandbox_ids){ from, to, BLOCK };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	autofd ours = sync[0];
	autofd theirs = sync[1];
	if (ns_clone(CLONE_NEWUSER, -1, &child, e) < 0)
		return -1;
	if (child.pid == 0) {
		char byte;
		fd_close(&ours);
		_exit(read(theirs, &byte, 1) < 0);
	}
	int ns = idmap_write(&maps, child.pid, e) < 0 ? -1 : ns_open(child.pid, "user", e);
	fd_close(&child.pidfd);
	fd_close(&ours);
	waitpid(child.pid, NULL, 0);
	return ns;
}

static int mapping(uint32_t from, uint32_t to, struct err *e)
{
	for (size_t i = 0; i < KEPT; i++)
		if (kept[i].from == from && kept[i].to == to && kept[i].ns > 0)
			return kept[i].ns;
	int ns = make_mapping(from, to, e);
	if (ns < 0)
		return -1;
	unsigned i = next_kept++ % KEPT;
	if (kept[i].ns > 0)
		close(kept[i].ns);
	kept[i].from = from;
	kept[i].to = to;
	kept[i].ns = ns;
	return ns;
}

/* What lies on the disk as `owner` and up is seen as the job's id 0 and up. */
static int show_ids(struct setup *s, struct err *e)
{
	const struct sandbox_spec *p = s->spec;
	uint32_t to = sandbox_ids_outside(p->uids, p->nuids, 0);
	if (!p->image.owner || to == UINT32_MAX)
		return 0;
	int ns = mapping(p->image.owner, to, e);
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)(unsigned)ns };
	if (ns < 0)
		return -1;
	if (mount_setattr(s->layers, "", AT_EMPTY_PATH, &a, sizeof a) < 0)
		return err_sys(e, "idmapped mount of the image store");
	return 0;
}

/* --- sources ------------------------------------------------------------------------------------- */

enum { UNSAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

static int open_both(struct setup *s, bool may_defer, struct err *e)
{
	const struct sandbox_image *i = &s->spec->image;
	if (s->layers < 0)
		s->layers = mounts_clone_fd(s->fds[i->layers_fd], UNSAFE | MOUNT_ATTR_RDONLY,
					    may_defer, e);
	if (s->layers >= 0 && s->upper < 0 && i->upper_fd >= 0)
		s->upper = mounts_clone_fd(s->fds[i->upper_fd], UNSAFE, may_defer, e);
	bool open = s->layers >= 0 && (s->upper >= 0 || i->upper_fd < 0);
	return open ? 0 : err_wrap(e, "image");
}

int image_open_sources(struct setup *s, struct err *e)
{
	if (open_both(s, true, e) == 0)
		return s->spec->map_by == SANDBOX_MAP_DIRECT ? show_ids(s, e) : 0;
	if (e->code != EPERM && e->code != EINVAL)
		return -1;
	err_clear(e);
	return 0;
}

void image_close_sources(struct setup *s)
{
	fd_close(&s->layers);
	fd_close(&s->upper);
}

int image_open(struct setup *s, struct err *e)
{
	return mounts_open(s, e) < 0 ? -1 : open_both(s, false, e);
}

/* --- the root ------------------------------------------------------------------------------------ */

static int put(int tree, const char *name, struct err *e)
{
	if (mkdir(name, 0755) < 0)
		return err_sys(e, "%s", name);
	if (move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "%s", name);
	return 0;
}

/* The ground on which it is put together: it goes with the old root. */
static int lay_ground(struct setup *s, struct err *e)
{
	umask(022);
	if (rootfs_tmpfs(s, "/tmp", "0755", GROUND_BYTES, e) < 0)
		return -1;
	if (chdir("/tmp") < 0 || mkdir("root", 0755) < 0)
		return err_sys(e, "/tmp");
	if (put(s->layers, "layers", e) < 0)
		return -1;
	if (s->upper >= 0)
		return put(s->upper, "disk", e);
	setup_note(s, "image: what the job writes is kept in memory");
	if (mkdir("disk", 0755) < 0)
		return err_sys(e, "disk");
	return rootfs_tmpfs(s, "disk", "0755", UPPER_IN_MEMORY, e);
}

/* "3:2:1" of the layers' names, which are short: all of it has to fit into a page. */
static int options(const struct sandbox_image *i, char *out, struct err *e)
{
	int at = snprintf(out, OPTIONS,
			  "userxattr,volatile,upperdir=../disk/upper,"
			  "workdir=../disk/work,lowerdir=");
	for (uint32_t k = 0; k < i->nlayers && at < OPTIONS; k++)
		at += snprintf(out + at, (size_t)(OPTIONS - at), "%s%u", k ? ":" : "",
			       i->layers[k]);
	return at < OPTIONS ? 0 : err_set(e, E2BIG, "%u layers", i->nlayers);
}

/* An overlay of one layer alone and nothing below it is possible too: the upper one makes two. */
static int mount_overlay(struct setup *s, struct err *e)
{
	char text[OPTIONS];
	if (options(&s->spec->image, text, e) < 0)
		return -1;
	if (mkdir("disk/upper", 0755) < 0 || mkdir("disk/work", 0700) < 0 || chdir("layers") < 0)
		return err_sys(e, "upper layer");
	if (mount("overlay", "../root", "overlay", MS_NOSUID | MS_NODEV, text) < 0)
		return err_sys(e, "overlay");
	s->root = open("../root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->root < 0 || fchdir(s->root) < 0 ? err_sys(e, "overlay") : 0;
}

/* Where we mount something there must be a directory, and no link that leads elsewhere. */
static int need_directories(struct err *e)
{
	static const char *const names[] = { "dev", "proc", "sys", "tmp", "etc", "run" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct stat st;
		if (mkdir(names[i], 0755) < 0 && errno != EEXIST)
			return err_sys(e, "/%s", names[i]);
		if (lstat(names[i], &st) < 0 || !S_ISDIR(st.st_mode))
			return err_set(e, ENOTDIR, "the image's /%s is not a directory", names[i]);
	}
	return 0;
}

int image_mount(struct setup *s, struct err *e)
{
	if (lay_ground(s, e) < 0 || mount_overlay(s, e) < 0)
		return -1;
	return need_directories(e);
}

/* --- who ----------------------------------------------------------------------------------------- */

/* A file of the image, wherever its links lead within it; "" when there is none. */
static int read_in_image(int root, const char *path, struct buf *out, struct err *e)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	struct stat st;
	autofd fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return fd_read_all(fd, out, e) < 0 ? err_wrap(e, "the image's /%s", path) : 0;
}

static int tell(const struct setup *s, struct err *e)
{
	char text[64];
	int n = snprintf(text, sizeof text, "U%u %u", s->spec->uid, s->spec->gid);
	return send(s->sync, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : err_sys(e, "user");
}

static int take(struct setup *s, const struct account *a, struct err *e)
{
	const struct sandbox_spec *p = s->spec;
	if (sandbox_ids_outside(p->uids, p->nuids, a->uid) == UINT32_MAX ||
	    sandbox_ids_outside(p->gids, p->ngids, a->gid) == UINT32_MAX) {
		if (p->map_by != SANDBOX_MAP_SINGLE)
			return err_set(e, EINVAL, "user %u:%u is not among the ids of a job",
				       a->uid, a->gid);
		setup_note(s, "no id range: the job is root of the image, not user %u:%u", a->uid,
			   a->gid);
		return 0;
	}
	s->resolved->uid = a->uid;
	s->resolved->gid = a->gid;
	for (size_t i = 0; i < a->ngroups; i++)
		if (sandbox_ids_outside(p->gids, p->ngids, a->groups[i]) != UINT32_MAX)
			s->groups[s->ngroups++] = a->groups[i];
	return 0;
}

int image_user(struct setup *s, struct err *e)
{
	struct account a;
	autobuf passwd = BUF(ACCOUNT_FILE_MAX);
	autobuf group = BUF(ACCOUNT_FILE_MAX);
	if (read_in_image(s->root, "etc/passwd", &passwd, e) < 0 ||
	    read_in_image(s->root, "etc/group", &group, e) < 0)
		return -1;
	if (account_find(s->spec->image.user, buf_cstr(&passwd), buf_cstr(&group), &a, e) < 0 ||
	    take(s, &a, e) < 0)
		return -1;
	snprintf(s->resolved->home, sizeof s->resolved->home, "%s", a.home);
	return tell(s, e);
}

/* --- what is ours in it --------------------------------------------------------------------------- */

int image_etc(struct setup *s, struct err *e)
{
	autofd etc = open("etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return etc < 0 ? err_sys(e, "/etc") : etc_network(s, etc, e);
}

int image_private(struct setup *s, struct err *e)
{
	uint64_t size = s->spec->tmp_bytes;
	if (rootfs_tmpfs(s, "tmp", "1777", size, e) < 0)
		return -1;
	if (mkdir("run/job", 0700) < 0)
		return err_sys(e, "/run/job");
	return rootfs_tmpfs(s, "run/job", "700", size, e);
}

int image_seal(struct setup *s, struct err *e)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };
	(void)s;
	return mount_setattr(AT_FDCWD, "/dev", 0, &a, sizeof a) < 0 ? err_sys(e, "/dev") : 0;
}
