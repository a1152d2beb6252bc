#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

void fd_close(int *fd)
{
	fd_closep(fd);
	*fd = -1;
}

static bool has_parent(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '\0' || at[2] == '/'))
			return true;
	return false;
}

int fd_open_beneath(int dir, const char *path, int flags, mode_t mode, struct err *e)
{
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = creates ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;
	if (has_parent(path))
		return err_set(e, EXDEV, "%s: leads out of its directory", path);
	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? err_sys(e, "%s", path) : (int)fd;
}

/* At the limit one byte more tells whether fd is at its end. */
static ssize_t read_some(int fd, struct buf *b, struct err *e)
{
	char beyond;
	size_t want = 16 << 10, left = b->max - b->len;
	if (want > left)
		want = left;
	if (buf_reserve(b, want, e) < 0)
		return -1;
	ssize_t n;
	do
		n = read(fd, want ? b->p + b->len : &beyond, want ? want : 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "read");
	if (n > 0 && want == 0)
		return err_set(e, E2BIG, "more than %zu bytes", b->max);
	return n;
}

int fd_read_all(int fd, struct buf *b, struct err *e)
{
	ssize_t n;
	while ((n = read_some(fd, b, e)) > 0) {
		b->len += (size_t)n;
		b->p[b->len] = '\0';
	}
	return (int)n;
}

int fd_write_all(int fd, const void *data, size_t n, struct err *e)
{
	const char *p = data;
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(e, "write");
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int fd_read_file(const char *path, struct buf *b, struct err *e)
{
	autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", path);
	return fd_read_all(fd, b, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int write_synced(int fd, mode_t mode, const struct buf *content, struct err *e)
{
	if (fd_write_all(fd, buf_cstr(content), content->len, e) < 0)
		return -1;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? err_sys(e, "sync") : 0;
}

int fd_replace_file(int dir, const char *name, mode_t mode, const struct buf *content,
		    struct err *e)
{
	char tmp[NAME_MAX + 1];
	if ((size_t)snprintf(tmp, sizeof tmp, ".%s.new", name) >= sizeof tmp)
		return err_set(e, ENAMETOOLONG, "%s: name too long", name);
	if (unlinkat(dir, tmp, 0) < 0 && errno != ENOENT)
		return err_sys(e, "%s", tmp);
	autofd fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(e, "%s", tmp);
	int r = write_synced(fd, mode, content, e);
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = err_sys(e, "rename");
	if (r == 0)
		return 0;
	unlinkat(dir, tmp, 0);
	return err_wrap(e, "%s", name);
}

int fd_sealed(const char *name, const void *data, size_t n, struct err *e)
{
	autofd fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(e, "memfd %s", name);
	if (n && fd_write_all(fd, data, n, e) < 0)
		return err_wrap(e, "memfd %s", name);
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_sys(e, "seal memfd %s", name);
	return fd_take(&fd);
}

int fd_nonblock(int fd, int on, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return err_sys(e, "fcntl");
	return 0;
}

int fd_mkdir_open(int dir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_sys(e, "%s", name);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, "%s", name) : fd;
}
