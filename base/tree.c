/* fd_remove_tree: delete a directory tree without following anything and without recursion. */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/*
 * Every sub-directory met is moved up beside the root of the walk under a fresh name, so depth costs
 * neither an fd nor a stack frame: the queue of the walk is the top directory itself.
 */
struct walk {
	int top;
	unsigned long serial;
	bool any;
};

typedef int (*entry_fn)(struct walk *w, int dir, const char *name, struct err *e);

static int each_entry(struct walk *w, int fd, entry_fn fn, struct err *e)
{
	autofd copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "directory");
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fn(w, fd, de->d_name, e);
	closedir(d);
	return r;
}

/* 1 when name below dir is gone, 0 when it is a directory that holds something. */
static int try_unlink(int dir, const char *name, struct err *e)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 1;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "%s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 1;
	return errno == ENOTEMPTY || errno == EEXIST ? 0 : err_sys(e, "%s", name);
}

/*
 * Give the owner of a directory that cannot be read all rights, through a fd, so that a link which
 * takes the name's place is never followed. fchmodat2(2) is new in Linux 6.6; before it /proc does
 * the same. What the caller tries next reports that neither could.
 */
static void unlock(int dir, const char *name)
{
	enum { FCHMODAT2 = 452 };
	char path[64];
	autofd at = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || syscall(FCHMODAT2, at, "", S_IRWXU, AT_EMPTY_PATH) == 0)
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", at);
	(void)chmod(path, S_IRWXU);
}

/* The directory name below dir, opened for reading and made writable. */
static int open_dir(int dir, const char *name, struct err *e)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES) {
		unlock(dir, name);
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return err_sys(e, "%s", name);
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, S_IRWXU); /* what is tried next reports a failure */
	return fd;
}

static int move_up(struct walk *w, int dir, const char *name, struct err *e)
{
	char fresh[64];
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	autofd fd = open_dir(dir, name, e); /* it is moved only by who may write to it */
	if (fd < 0)
		return -1;
	int r;
	do
		snprintf(fresh, sizeof fresh, ".courser-gone-%lu", w->serial++);
	while ((r = renameat2(dir, name, w->top, fresh, RENAME_NOREPLACE)) < 0 && errno == EEXIST);
	return r < 0 && errno != ENOENT ? err_sys(e, "%s", name) : 0;
}

static int drop(struct walk *w, int dir, const char *name, struct err *e)
{
	w->any = true;
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	autofd fd = open_dir(dir, name, e);
	if (fd < 0)
		return -1;
	if (each_entry(w, fd, move_up, e) < 0)
		return err_wrap(e, "%s", name);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? err_sys(e, "%s", name) : 0;
}

int fd_clear_tree(int dir, struct err *e)
{
	struct walk w = { .top = dir };
	do {
		w.any = false;
		if (each_entry(&w, dir, drop, e) < 0)
			return -1;
	} while (w.any);
	return 0;
}

int fd_remove_tree(int dir, const char *name, struct err *e)
{
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	autofd top = open_dir(dir, name, e);
	if (top < 0)
		return -1;
	if (fd_clear_tree(top, e) < 0)
		return err_wrap(e, "%s", name);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? err_sys(e, "%s", name) : 0;
}
