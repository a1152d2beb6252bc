#include "executor/place.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

void place_init(struct place *p, int tree)
{
	*p = (struct place){ .tree = tree, .parent = -1 };
}

void place_done(struct place *p)
{
	fd_close(&p->parent);
}

int place_path(const char *path, char ret[PLACE_PATH], struct err *e)
{
	size_t len = 0;
	if (*path == '/')
		return err_set(e, EPERM, "\"%.200s\": an absolute path", path);
	while (*path) {
		size_t n = strcspn(path, "/");
		bool skip = n == 0 || (n == 1 && path[0] == '.');
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return err_set(e, EPERM, "\"…%.200s\": a path with \"..\"", path);
		if (len + n + 2 > PLACE_PATH)
			return err_set(e, EPERM, "a path of more than %d bytes", PLACE_PATH);
		if (!skip) {
			if (len)
				ret[len++] = '/';
			memcpy(ret + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	ret[len] = '\0';
	return 0;
}

/* A plain directory below dir, made where it is absent. */
static int enter(int dir, const char *path, const char *name, struct err *e)
{
	struct err none = { 0 };
	int fd = fd_mkdir_open(dir, name, 0755, &none);
	if (fd < 0)
		return err_set(e, none.code,
			       "%.200s: %s is no directory, or one that cannot be used", path,
			       name);
	return fd;
}

/* From the directory fd from, which is closed, down through parts, made where they are absent. */
static int walk(int from, const char *path, char *parts, struct err *e)
{
	int at = from;
	char *rest = NULL;
	for (char *part = strtok_r(parts, "/", &rest); part && at >= 0;
	     part = strtok_r(NULL, "/", &rest)) {
		autofd up = at;
		at = enter(up, path, part, e);
	}
	return at;
}

/* The directory path[0..n): most often it is there, and one call says so. */
static int open_parent(const struct place *p, const char *path, size_t n, struct err *e)
{
	char parts[PLACE_PATH];
	struct err none = { 0 };
	memcpy(parts, path, n);
	parts[n] = '\0';
	int fd = fd_open_beneath(p->tree, n ? parts : ".", O_RDONLY | O_DIRECTORY, 0, &none);
	if (fd >= 0)
		return fd;
	fd = fd_open_beneath(p->tree, ".", O_RDONLY | O_DIRECTORY, 0, e);
	return fd < 0 ? -1 : walk(fd, path, parts, e);
}

static void stand_in(struct place *p, int fd, const char *path, size_t n)
{
	fd_close(&p->parent);
	memcpy(p->parent_path, path, n);
	p->parent_path[n] = '\0';
	p->parent = fd;
}

/* Open the directory that path lies in and keep it; its last name into *ret_name. */
static int go_to_parent(struct place *p, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (p->parent >= 0 && strlen(p->parent_path) == n && memcmp(p->parent_path, path, n) == 0)
		return 0;
	stand_in(p, open_parent(p, path, n, e), path, n);
	return p->parent < 0 ? -1 : 0;
}

/* What has the name goes, unless it is a directory. */
static int make_room(struct place *p, const char *path, const char *name, struct err *e)
{
	if (unlinkat(p->parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	return err_sys(e, "%.200s: what is there cannot be replaced", path);
}

int place_file(struct place *p, const char *path, mode_t mode, struct err *e)
{
	static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	const char *name;
	if (go_to_parent(p, path, &name, e) < 0)
		return -1;
	int fd = openat(p->parent, name, flags | O_CLOEXEC, mode & 0777);
	if (fd < 0 && errno == EEXIST) {
		if (make_room(p, path, name, e) < 0)
			return -1;
		fd = openat(p->parent, name, flags | O_CLOEXEC, mode & 0777);
	}
	return fd < 0 ? err_sys(e, "%.200s", path) : fd;
}

int place_dir(struct place *p, const char *path, mode_t mode, struct err *e)
{
	const char *name;
	if (go_to_parent(p, path, &name, e) < 0)
		return -1;
	int fd = enter(p->parent, path, name, e);
	if (fd < 0)
		return -1;
	stand_in(p, fd, path, strlen(path)); /* what is in it comes next */
	return fchmod(fd, (mode & 0777) | 0700) == 0 ? 0 : err_sys(e, "%.200s", path);
}

int place_link(struct place *p, const char *path, const char *target, struct err *e)
{
	const char *name;
	if (!*target)
		return err_set(e, EPERM, "%.200s: a link to nothing", path);
	if (go_to_parent(p, path, &name, e) < 0)
		return -1;
	int r = symlinkat(target, p->parent, name);
	if (r < 0 && errno == EEXIST) {
		if (make_room(p, path, name, e) < 0)
			return -1;
		r = symlinkat(target, p->parent, name);
	}
	return r < 0 ? err_sys(e, "%.200s", path) : 0;
}

int place_hard_link(struct place *p, const char *path, const char *of, struct err *e)
{
	char above[PLACE_PATH];
	const char *slash = strrchr(of, '/'), *name;
	size_t n = slash ? (size_t)(slash - of) : 1;
	memcpy(above, slash ? of : ".", n);
	above[n] = '\0';
	autofd dir = fd_open_beneath(p->tree, above, O_RDONLY | O_DIRECTORY, 0, e);
	if (dir < 0 || go_to_parent(p, path, &name, e) < 0 || make_room(p, path, name, e) < 0)
		return -1;
	if (linkat(dir, slash ? slash + 1 : of, p->parent, name, 0) == 0)
		return 0;
	return err_sys(e, "%.200s", path);
}

int place_finish(int fd, mode_t mode, struct timespec mtime, struct err *e)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };
	if ((mode & 022) && fchmod(fd, mode & 0777) < 0) /* what the umask took */
		return err_sys(e, "permissions");
	return futimens(fd, times) < 0 ? err_sys(e, "time") : 0;
}
