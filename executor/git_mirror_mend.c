/* Mirrors after accidents: the lock, what a killed fetcher left behind, setting aside. */
#include "executor/git_mirror.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { REF_DEPTH = 64 };

typedef int entry_fn(void *arg, int dir, const char *name, struct err *e);

/* Call fn for each entry of the directory name below dir; absent is fine. */
static int each(int dir, const char *name, entry_fn *fn, void *arg, struct err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, "%s", name);
	DIR *d = fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, "%s", name);
	}
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fn(arg, dirfd(d), de->d_name, e);
	closedir(d);
	return r;
}

static bool half_written(const char *name)
{
	return str_starts(name, "tmp_") || str_starts(name, ".tmp-") ||
	       str_starts(name, "pack_git2_") || str_ends(name, ".lock") || str_ends(name, ".new");
}

static int drop_half(void *arg, int dir, const char *name, struct err *e)
{
	(void)arg;
	return half_written(name) ? fd_remove_tree(dir, name, e) : 0;
}

static int drop_locks(void *arg, int dir, const char *name, struct err *e)
{
	int *depth = arg;
	if (str_ends(name, ".lock"))
		return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? err_sys(e, "%s", name) : 0;
	if (*depth == REF_DEPTH)
		return 0;
	++*depth;
	int r = each(dir, name, drop_locks, depth, e);
	--*depth;
	return r;
}

/* What lies in "objects": loose objects by their first two digits, "pack", "info". */
static int mend_objects(void *arg, int dir, const char *name, struct err *e)
{
	if (half_written(name))
		return fd_remove_tree(dir, name, e);
	return each(dir, name, drop_half, arg, e);
}

static int mend(int dir, struct err *e)
{
	int depth = 0;
	if (each(dir, ".", drop_half, NULL, e) < 0 || each(dir, "refs", drop_locks, &depth, e) < 0)
		return -1;
	return each(dir, "objects", mend_objects, NULL, e);
}

int git_mirror_lock(struct git_work *w, struct err *e)
{
	struct stat st;
	w->fault = SOURCES_DISK;
	/* inherited by git, which must not outlive the lock */
	w->lock = openat(w->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->lock < 0)
		return err_sys(e, "mirror: lock");
	if (flock(w->lock, LOCK_EX | LOCK_NB) < 0) {
		git_work_say(w, "Waiting for another job that fetches the same repository...");
		atomic_store(&w->watch->waiting, 1);
		int r;
		do
			r = flock(w->lock, LOCK_EX);
		while (r < 0 && errno == EINTR);
		atomic_store(&w->watch->waiting, 0);
		git_work_moved(w);
		if (r < 0)
			return err_sys(e, "mirror: lock");
	}
	if (fstat(w->lock, &st) < 0)
		return err_sys(e, "mirror: lock");
	if (st.st_size && mend(w->dir, e) < 0)
		return err_wrap(e, "mirror");
	if (!st.st_size && fd_write_all(w->lock, "held\n", 5, e) < 0)
		return err_wrap(e, "mirror: lock");
	w->fault = SOURCES_OK;
	return 0;
}

void git_mirror_unlock(struct git_work *w)
{
	if (w->lock >= 0 && ftruncate(w->lock, 0) < 0)
		git_work_say(w, "mirror: lock: %s", strerror(errno));
	fd_close(&w->lock);
}

struct move {
	int to;
};

static int move_one(void *arg, int dir, const char *name, struct err *e)
{
	const struct move *m = arg;
	if (strcmp(name, "lock") == 0 || strcmp(name, "objects") == 0 ||
	    str_starts(name, "set-aside-"))
		return 0;
	return renameat(dir, name, m->to, name) < 0 && errno != ENOENT ? err_sys(e, "%s", name) : 0;
}

static int drop_aside(void *arg, int dir, const char *name, struct err *e)
{
	(void)arg;
	return str_starts(name, "set-aside-") ? fd_remove_tree(dir, name, e) : 0;
}

int git_mirror_set_aside(struct git_work *w, struct err *e)
{
	char name[64];
	git_mirror_close(w);
	w->fault = SOURCES_DISK;
	snprintf(name, sizeof name, "set-aside-%" PRIu64, clock_wall_us() / 1000);
	if (each(w->dir, ".", drop_aside, NULL, e) < 0)
		return err_wrap(e, "mirror");
	autofd aside = fd_mkdir_open(w->dir, name, 0700, e);
	autofd objects = aside < 0 ? -1 : fd_mkdir_open(aside, "objects", 0700, e);
	if (objects < 0)
		return err_wrap(e, "mirror");
	struct move top = { aside }, below = { objects };
	if (each(w->dir, ".", move_one, &top, e) < 0 ||
	    each(w->dir, "objects", move_one, &below, e) < 0)
		return err_wrap(e, "mirror: set aside");
	w->fault = SOURCES_OK;
	return 0;
}
