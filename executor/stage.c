#include "executor/stage.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 600 };

struct commit {
	size_t kept;
	unsigned depth;
};

static int commit_dir(struct commit *c, int from, int to, bool *ret_moved, struct err *e);

static int open_dir(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Both are directories: merged until nothing moves any more. */
static int merge(struct commit *c, int from, int to, const char *name, struct err *e)
{
	autofd a = open_dir(from, name);
	autofd b = open_dir(to, name);
	if (b < 0 && a >= 0) {
		c->kept++;
		return 0;
	}
	if (a < 0 || c->depth == DEPTH_MAX)
		return a < 0 ? err_sys(e, "%.200s", name) : err_set(e, ELOOP, "%.200s", name);
	c->depth++;
	bool moved = true;
	int r = 0;
	while (r == 0 && moved)
		r = commit_dir(c, a, b, &moved, e);
	c->depth--;
	(void)unlinkat(from, name, AT_REMOVEDIR);
	return r;
}

/* 1 it has moved, 0 not. */
static int commit_one(struct commit *c, int from, int to, const char *name, struct err *e)
{
	struct stat st;
	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
		return 1;
	if (errno != EEXIST || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%.200s", name);
	if (S_ISDIR(st.st_mode))
		return merge(c, from, to, name, e);
	if (renameat(from, name, to, name) == 0)
		return 1;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(e, "%.200s", name);
	c->kept++;
	return 0;
}

static int commit_dir(struct commit *c, int from, int to, bool *ret_moved, struct err *e)
{
	autofd copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	size_t kept = c->kept;
	if (!d)
		return err_sys(e, "stage");
	fd_take(&copy);
	*ret_moved = false;
	int r = 0;
	for (struct dirent *de; r >= 0 && (de = readdir(d)) != NULL;) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		r = commit_one(c, from, to, de->d_name, e);
		*ret_moved |= r > 0;
	}
	closedir(d);
	if (*ret_moved)
		c->kept = kept; /* they are met again */
	return r < 0 ? -1 : 0;
}

int stage_commit(int from, int to, size_t *ret_kept, struct err *e)
{
	struct commit c = { 0 };
	bool moved = true;
	int r = 0;
	while (r == 0 && moved)
		r = commit_dir(&c, from, to, &moved, e);
	*ret_kept = c.kept;
	return r < 0 ? err_wrap(e, "stage") : 0;
}
