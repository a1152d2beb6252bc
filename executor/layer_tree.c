#include "executor/layer_tree.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { LINKS_MAX = 40, DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW };

static const char OPAQUE[] = "user.overlay.opaque";

void layer_tree_init(struct layer_tree *t, int root)
{
	*t = (struct layer_tree){ .root = root, .parent = -1 };
}

void layer_tree_done(struct layer_tree *t)
{
	fd_close(&t->parent);
}

bool layer_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* --- names -------------------------------------------------------------------------------------- */

/* The next component of *s into out; its length, 0 at the end, -1 too long. */
static int next_component(const char **s, char out[NAME_MAX + 1])
{
	const char *p = *s + strspn(*s, "/");
	size_t n = strcspn(p, "/");
	*s = p + n;
	if (n > NAME_MAX)
		return -1;
	memcpy(out, p, n);
	out[n] = '\0';
	return (int)n;
}

/* Append a component; false when it does not fit. */
static bool join(char path[PATH_MAX], const char *name)
{
	size_t at = strlen(path), n = strlen(name);
	if (at + n + 2 > PATH_MAX)
		return false;
	if (at)
		path[at++] = '/';
	memcpy(path + at, name, n + 1);
	return true;
}

int layer_name(const char *name, char ret[PATH_MAX], struct err *e)
{
	char out[PATH_MAX] = "", part[NAME_MAX + 1];
	const char *s = name;
	for (;;) {
		int n = next_component(&s, part);
		if (n == 0)
			break;
		if (n > 0 && strcmp(part, ".") == 0)
			continue;
		if (n > 0 && strcmp(part, "..") == 0)
			return err_set(e, EINVAL, "%.120s: leads out of the layer", name);
		if (n < 0 || !join(out, part))
			return err_set(e, EINVAL, "%.120s…: the name is too long", name);
	}
	memcpy(ret, out, strlen(out) + 1);
	return 0;
}

/* Walk the components of path from out, whose top is the root; -1: one does not fit. */
static int add_path(char out[PATH_MAX], const char *path)
{
	char part[NAME_MAX + 1];
	int n;
	while ((n = next_component(&path, part)) > 0) {
		char *slash = strrchr(out, '/');
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			*(slash ? slash : out) = '\0';
		else if (!join(out, part))
			return -1;
	}
	return n;
}

/* Where a link that stands in `dir` leads, and then `rest`: ".." ends at the root. Into ret. */
static int link_target(const char *dir, const char *to, const char *rest, char ret[PATH_MAX],
		       struct err *e)
{
	char out[PATH_MAX] = "";
	if ((to[0] != '/' && add_path(out, dir) < 0) || add_path(out, to) < 0 ||
	    add_path(out, rest) < 0)
		return err_set(e, EINVAL, "%.120s: a link too long to follow", dir);
	memcpy(ret, out, strlen(out) + 1);
	return 0;
}

/* --- the layers below --------------------------------------------------------------------------- */

static int open_below(int layer, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(SYS_openat2, layer, path, &how, sizeof how);
}

/* Whether a layer that does not have path hides it from those below it: a directory on the way is opaque,
 * or something else stands there. */
static bool hides(int layer, const char *path)
{
	char way[PATH_MAX];
	snprintf(way, sizeof way, "%s", path);
	for (char *slash; (slash = strrchr(way, '/')) != NULL;) {
		struct stat st;
		char mark;
		*slash = '\0';
		autofd fd = open_below(layer, way);
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		autofd dir = S_ISDIR(st.st_mode) ? openat(fd, ".", DIR_FLAGS | O_CLOEXEC) : -1;
		return dir < 0 || fgetxattr(dir, OPAQUE, &mark, 1) == 1;
	}
	return false;
}

/* What the layers below have by that path, as an O_PATH fd; -1 nothing. */
static int find_below(const struct layer_tree *t, const char *path, struct stat *st)
{
	for (size_t i = 0; i < t->nlower; i++) {
		autofd fd = open_below(t->lower[i], path);
		if (fd >= 0 && fstat(fd, st) == 0)
			return layer_is_whiteout(st) ? -1 : fd_take(&fd);
		if (hides(t->lower[i], path))
			return -1;
	}
	return -1;
}

/* --- the way to a place ------------------------------------------------------------------------- */

/* A walk to the directory of an entry. */
struct walk {
	struct layer_tree *t;
	char path[PATH_MAX]; /* all of it; changed where a link is followed */
	char done[PATH_MAX]; /* the part that has been walked */
	int dir;
	unsigned links;
	bool make;
};

/* Go on at the link's target: from the root again. */
static int follow(struct walk *w, const char *to, const char *rest, struct err *e)
{
	if (++w->links > LINKS_MAX)
		return err_set(e, EINVAL, "%.120s: too many links on the way", w->path);
	if (link_target(w->done, to, rest, w->path, e) < 0)
		return -1;
	w->done[0] = '\0';
	fd_close(&w->dir);
	w->dir = openat(w->t->root, ".", DIR_FLAGS | O_CLOEXEC);
	return w->dir < 0 ? err_sys(e, "layer") : 1;
}

static int follow_at(struct walk *w, int dir, const char *name, const char *rest, struct err *e)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(dir, name, to, sizeof to - 1);
	if (n < 0)
		return err_sys(e, "%.120s", w->path);
	to[n] = '\0';
	char keep[PATH_MAX];
	snprintf(keep, sizeof keep, "%s", rest);
	return follow(w, to, keep, e);
}

/* Make the directory as it is below, or a plain one. 1: a link of a lower layer is followed instead. */
static int make_dir(struct walk *w, const char *name, const char *rest, struct err *e)
{
	char path[PATH_MAX];
	struct stat st = { .st_mode = 0755 };
	snprintf(path, sizeof path, "%s", w->done);
	if (!join(path, name))
		return err_set(e, EINVAL, "%.120s…: the name is too long", path);
	autofd below = find_below(w->t, path, &st);
	if (below >= 0 && S_ISLNK(st.st_mode))
		return follow_at(w, below, "", rest, e);
	if (!w->make)
		return err_set(e, ENOENT, "%.120s is not in this layer", path);
	if (mkdirat(w->dir, name, 0755) < 0)
		return err_sys(e, "%.120s", path);
	if (below < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (!w->t->single_id &&
	    fchownat(w->dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%.120s", path);
	return fchmodat(w->dir, name, st.st_mode & 07777, 0) < 0 ? err_sys(e, "%.120s", path) : 0;
}

/* Into one directory. 1: the way leads elsewhere, begin anew. */
static int step(struct walk *w, const char *name, const char *rest, struct err *e)
{
	struct stat st;
	int r = 0;
	bool there = fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && S_ISLNK(st.st_mode))
		return follow_at(w, w->dir, name, rest, e);
	if (there && !S_ISDIR(st.st_mode) && unlinkat(w->dir, name, 0) < 0)
		return err_sys(e, "%.120s", w->path);
	if (!there || !S_ISDIR(st.st_mode))
		r = make_dir(w, name, rest, e);
	if (r)
		return r;
	int next = openat(w->dir, name, DIR_FLAGS | O_CLOEXEC);
	if (next < 0 || !join(w->done, name)) {
		fd_close(&next);
		return err_sys(e, "%.120s", w->path);
	}
	fd_close(&w->dir);
	w->dir = next;
	return 0;
}

/* Down to the last component, which goes into base. */
static int walk(struct walk *w, char base[NAME_MAX + 1], struct err *e)
{
	for (const char *s = w->path;;) {
		char name[NAME_MAX + 1];
		int n = next_component(&s, name);
		if (n <= 0)
			return err_set(e, EINVAL, "%.120s: not a place for an entry", w->path);
		if (*s == '\0') {
			memcpy(base, name, (size_t)n + 1);
			return 0;
		}
		int r = step(w, name, s, e);
		if (r < 0)
			return -1;
		if (r > 0)
			s = w->path;
	}
}

static bool is_in_last(const struct layer_tree *t, const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;
	return t->parent >= 0 && strlen(t->where) == n && memcmp(t->where, name, n) == 0;
}

int layer_tree_place(struct layer_tree *t, const char *name, bool make, struct layer_place *ret,
		     struct err *e)
{
	struct walk w = { .t = t, .make = make };
	const char *slash = strrchr(name, '/');
	if (is_in_last(t, name)) {
		snprintf(ret->base, sizeof ret->base, "%s", slash ? slash + 1 : name);
		ret->dir = t->parent;
		return 0;
	}
	snprintf(w.path, sizeof w.path, "%s", name);
	w.dir = openat(t->root, ".", DIR_FLAGS | O_CLOEXEC);
	if (w.dir < 0)
		return err_sys(e, "layer");
	if (walk(&w, ret->base, e) < 0) {
		fd_close(&w.dir);
		return -1;
	}
	fd_close(&t->parent);
	t->parent = w.dir;
	snprintf(t->where, sizeof t->where, "%.*s", slash ? (int)(slash - name) : 0, name);
	ret->dir = t->parent;
	return 0;
}

/* --- what stands there --------------------------------------------------------------------------- */

int layer_tree_clear(struct layer_tree *t, const struct layer_place *p, bool keep_dir,
		     bool *ret_whiteout, struct err *e)
{
	struct stat st;
	*ret_whiteout = false;
	if (fstatat(p->dir, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%.120s", p->base);
	*ret_whiteout = layer_is_whiteout(&st);
	if (S_ISDIR(st.st_mode) && keep_dir)
		return 1;
	if (S_ISDIR(st.st_mode) ? fd_remove_tree(p->dir, p->base, e) < 0
				: unlinkat(p->dir, p->base, 0) < 0)
		return e->code ? -1 : err_sys(e, "%.120s", p->base);
	t->where[0] = '/'; /* what is remembered of the way may be gone: no name is like this */
	t->where[1] = '\0';
	return 0;
}

int layer_tree_opaque(int dir, struct err *e)
{
	return fsetxattr(dir, OPAQUE, "y", 1, 0) < 0 ? err_sys(e, "opaque directory") : 0;
}

int layer_tree_whiteout(struct layer_tree *t, const struct layer_place *p, struct err *e)
{
	struct stat st;
	(void)t;
	if (fstatat(p->dir, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (mknodat(p->dir, p->base, S_IFCHR, makedev(0, 0)) < 0)
			return err_sys(e, "whiteout of %.120s", p->base);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	autofd dir = openat(p->dir, p->base, DIR_FLAGS | O_CLOEXEC);
	return dir < 0 ? err_sys(e, "%.120s", p->base) : layer_tree_opaque(dir, e);
}
