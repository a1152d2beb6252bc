/* fd_remove_tree: delete a directory tree without following anything and without recursion. */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* True when name below dir is gone; false when it is a directory that holds something. */
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

/* Let the owner in. Nothing else can put a link at name meanwhile: the job is dead. */
static void unlock(int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return;
	if ((st.st_mode & 0700) != 0700 && fchmodat(dir, name, 0700, 0) < 0)
		return; /* what is tried next reports it */
}

static int open_dir(int dir, const char *name)
{
	unlock(dir, name);
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int move_up(struct walk *w, int dir, const char *name, struct err *e)
{
	char fresh[64];
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	unlock(dir, name); /* a directory is moved only by who may write to it */
	do
		snprintf(fresh, sizeof fresh, ".courser-gone-%lu", w->serial++);
	while (renameat2(dir, name, w->top, fresh, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, EBUSY, "%s: cannot be moved for deletion", name);
	return 0;
}

static int drop(struct walk *w, int dir, const char *name, struct err *e)
{
	w->any = true;
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	autofd fd = open_dir(dir, name);
	if (fd < 0)
		return err_sys(e, "%s", name);
	if (each_entry(w, fd, move_up, e) < 0)
		return err_wrap(e, "%s", name);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? err_sys(e, "%s", name) : 0;
}

int fd_remove_tree(int dir, const char *name, struct err *e)
{
	int gone = try_unlink(dir, name, e);
	if (gone != 0)
		return gone < 0 ? -1 : 0;
	struct walk w = { .top = open_dir(dir, name) };
	autofd top = w.top;
	if (top < 0)
		return err_sys(e, "%s", name);
	do {
		w.any = false;
		if (each_entry(&w, top, drop, e) < 0)
			return err_wrap(e, "%s", name);
	} while (w.any);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? err_sys(e, "%s", name) : 0;
}
