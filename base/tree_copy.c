/* fd_copy_tree: what a directory holds, copied without following anything. */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 100, PIECE = 64 << 10 };

struct copy {
	unsigned depth;
	bool no_clone; /* the file system does not share blocks */
	char *piece;   /* of PIECE bytes */
};

static int copy_dir(struct copy *c, int from, int to, struct err *e);

static int copy_bytes(struct copy *c, int in, int out, struct err *e)
{
	ssize_t n;
	if (!c->no_clone && ioctl(out, FICLONE, in) == 0)
		return 0;
	c->no_clone = true;
	while ((n = read(in, c->piece, PIECE)) > 0)
		if (fd_write_all(out, c->piece, (size_t)n, e) < 0)
			return -1;
	return n < 0 ? err_sys(e, "read") : 0;
}

static int copy_file(struct copy *c, int from, int to, const char *name, struct err *e)
{
	struct stat st;
	autofd in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
		return in < 0 ? err_sys(e, "%s", name)
			      : err_set(e, EINVAL, "%s: not a regular file", name);
	autofd out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    st.st_mode & 0777);
	const struct timespec times[] = { st.st_mtim, st.st_mtim };
	if (out < 0)
		return err_sys(e, "%s", name);
	if (copy_bytes(c, in, out, e) < 0)
		return err_wrap(e, "%s", name);
	return futimens(out, times) < 0 ? err_sys(e, "%s", name) : 0;
}

static int copy_link(struct copy *c, int from, int to, const char *name, struct err *e)
{
	char target[PATH_MAX];
	struct stat st;
	(void)c;
	ssize_t n = readlinkat(from, name, target, sizeof target - 1);
	if (n < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", name);
	target[n] = '\0';
	const struct timespec times[] = { st.st_mtim, st.st_mtim };
	if (symlinkat(target, to, name) < 0 || utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", name);
	return 0;
}

static int copy_below(struct copy *c, int from, int to, const char *name, struct err *e)
{
	autofd in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0 || mkdirat(to, name, 0755) < 0)
		return err_sys(e, "%s", name);
	autofd out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (out < 0)
		return err_sys(e, "%s", name);
	return copy_dir(c, in, out, e) < 0 ? err_wrap(e, "%s", name) : 0;
}

static int copy_entry(struct copy *c, int from, int to, const struct dirent *d, struct err *e)
{
	static const struct {
		unsigned char type;
		int (*copy)(struct copy *c, int from, int to, const char *name, struct err *e);
	} rows[] = {
		{ DT_REG, copy_file },
		{ DT_DIR, copy_below },
		{ DT_LNK, copy_link },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].type == d->d_type)
			return rows[i].copy(c, from, to, d->d_name, e);
	return err_set(e, EINVAL, "%s: neither a file, a directory nor a link", d->d_name);
}

static int copy_dir(struct copy *c, int from, int to, struct err *e)
{
	int own = fcntl(from, F_DUPFD_CLOEXEC, 0);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		fd_close(&own);
		return err_sys(e, "directory");
	}
	int r = c->depth++ < DEPTH_MAX ? 0
				       : err_set(e, ELOOP, "deeper than %d directories", DEPTH_MAX);
	for (struct dirent *entry; r == 0 && (entry = readdir(d)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(c, from, to, entry, e);
	c->depth--;
	closedir(d);
	return r;
}

int fd_copy_tree(int from, int to, struct err *e)
{
	struct copy c = { .piece = malloc(PIECE) };
	if (!c.piece)
		return err_set(e, ENOMEM, "out of memory");
	int r = copy_dir(&c, from, to, e);
	free(c.piece);
	return r;
}
