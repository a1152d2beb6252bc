#include "executor/git_untracked.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 512, PATH_BYTES = 4096 };

struct search {
	git_index *index;
	int (*found)(void *arg, const char *path, struct err *e);
	void *arg;
	unsigned depth;
	char path[PATH_BYTES];
};

static int search_dir(struct search *s, int dir, struct err *e);

static bool is_repository(int dir)
{
	struct stat st;
	return fstatat(dir, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int search_below(struct search *s, int dir, const char *name, struct err *e)
{
	if (s->depth == DEPTH_MAX)
		return err_set(e, ELOOP, "more than %d directories in one another", DEPTH_MAX);
	autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* what cannot be looked into has nothing that could be packed */
	if (is_repository(fd))
		return s->found(s->arg, s->path, e);
	s->depth++;
	int r = search_dir(s, fd, e);
	s->depth--;
	return r;
}

static int look_at(struct search *s, int dir, const char *name, struct err *e)
{
	struct stat st;
	if (git_index_get_bypath(s->index, s->path, 0) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return search_below(s, dir, name, e);
	return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? s->found(s->arg, s->path, e) : 0;
}

static bool is_skipped(const struct search *s, const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       (s->depth == 0 && strcmp(name, ".git") == 0);
}

static int search_dir(struct search *s, int dir, struct err *e)
{
	size_t len = strlen(s->path);
	autofd copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "%.100s", s->path);
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;) {
		if (is_skipped(s, de->d_name))
			continue;
		int n = snprintf(s->path + len, sizeof s->path - len, "%s%s", len ? "/" : "",
				 de->d_name);
		r = n < 0 || (size_t)n >= sizeof s->path - len
			    ? err_set(e, ENAMETOOLONG, "a path is too long")
			    : look_at(s, dir, de->d_name, e);
		s->path[len] = '\0';
	}
	closedir(d);
	return r;
}

int git_untracked(int tree, const char *path,
		  int (*found)(void *arg, const char *path, struct err *e), void *arg,
		  struct err *e)
{
	struct search s = { .found = found, .arg = arg };
	char index[PATH_BYTES];
	if (!is_repository(tree))
		return err_set(e, ENOENT, "not a git repository");
	snprintf(index, sizeof index, "%s/.git/index", path);
	if (git_index_open(&s.index, index) < 0)
		return err_set(e, EIO, "the repository's index cannot be read");
	int r = search_dir(&s, tree, e);
	git_index_free(s.index);
	return r;
}
