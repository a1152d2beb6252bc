/* git clean: what no commit brought goes. Nothing is followed. */
#include "executor/git_checkout.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 200, CLEAN_PATH = 4096 };

struct sweep {
	git_repository *repo;
	git_index *index;
	const struct clean_flags *f;
	unsigned depth;
	char path[CLEAN_PATH];
};

enum tracked { UNTRACKED, TRACKED, HOLDS_TRACKED };

static enum tracked look_up(struct sweep *s, bool dir)
{
	size_t at;
	if (git_index_get_bypath(s->index, s->path, 0))
		return TRACKED;
	if (!dir)
		return UNTRACKED;
	size_t n = strlen(s->path);
	if (n + 1 >= sizeof s->path)
		return UNTRACKED;
	s->path[n] = '/';
	s->path[n + 1] = '\0';
	bool holds = git_index_find_prefix(&at, s->index, s->path) == 0;
	s->path[n] = '\0';
	return holds ? HOLDS_TRACKED : UNTRACKED;
}

/* Whether the rules let an untracked path stay. */
static bool stays(struct sweep *s, bool dir)
{
	int ignored = 0;
	char path[CLEAN_PATH + 2];
	if (clean_flags_keep(s->f, s->path, dir))
		return true;
	if (s->f->ignored)
		return false;
	snprintf(path, sizeof path, "%s%s", s->path, dir ? "/" : "");
	if (git_ignore_path_is_ignored(&ignored, s->repo, path) < 0)
		ignored = 0;
	git_error_clear();
	return s->f->only_ignored ? !ignored : ignored;
}

static int sweep_dir(struct sweep *s, int dir, bool tracked, bool *ret_empty, struct err *e);

/* An untracked directory that goes whole: nothing below it can be asked to stay. */
static bool whole(const struct sweep *s)
{
	return s->f->ignored && s->f->nkeep == 0 && s->f->nested;
}

/* Another repository inside the tree: it goes whole or not at all. */
static bool is_repository(int dir)
{
	struct stat st;
	return fstatat(dir, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int remove_whole(int dir, const char *name, bool *kept, struct err *e)
{
	*kept = false;
	return fd_remove_tree(dir, name, e);
}

/* What of an untracked directory stays: its own entry as well. */
static int sweep_untracked(struct sweep *s, int dir, const char *name, bool *kept, struct err *e)
{
	bool empty = false, stay = stays(s, true);
	autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, "%s", s->path);
	if (is_repository(fd))
		return stay || !s->f->nested ? 0 : remove_whole(dir, name, kept, e);
	if (s->depth == DEPTH_MAX)
		return err_set(e, ELOOP, "directories more than %d deep", DEPTH_MAX);
	if (sweep_dir(s, fd, false, &empty, e) < 0)
		return -1;
	*kept = !empty || (stay && !s->f->dirs);
	return *kept || unlinkat(dir, name, AT_REMOVEDIR) == 0 ? 0 : err_sys(e, "%s", s->path);
}

static int untracked_dir(struct sweep *s, int dir, const char *name, bool *kept, struct err *e)
{
	*kept = true;
	if (!s->f->dirs && !s->f->only_ignored)
		return 0;
	if (whole(s))
		return remove_whole(dir, name, kept, e);
	bool looked_into = s->f->only_ignored && !clean_flags_keep(s->f, s->path, true);
	if (!looked_into && stays(s, true))
		return 0;
	return sweep_untracked(s, dir, name, kept, e);
}

static int entry(struct sweep *s, int dir, const char *name, bool *kept, struct err *e)
{
	struct stat st;
	bool unused = false;
	*kept = true;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", s->path);
	enum tracked t = look_up(s, S_ISDIR(st.st_mode));
	if (t == HOLDS_TRACKED) {
		autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? err_sys(e, "%s", s->path) : sweep_dir(s, fd, true, &unused, e);
	}
	if (t == TRACKED)
		return 0;
	if (S_ISDIR(st.st_mode))
		return untracked_dir(s, dir, name, kept, e);
	if (stays(s, false))
		return 0;
	*kept = false;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? err_sys(e, "%s", s->path) : 0;
}

/* One name of the directory that s->path is. */
static int sweep_name(struct sweep *s, int dir, const char *name, bool *kept, struct err *e)
{
	size_t n = strlen(s->path);
	int len = snprintf(s->path + n, sizeof s->path - n, "%s%s", n ? "/" : "", name);
	if (len < 0 || (size_t)len >= sizeof s->path - n)
		return err_set(e, ENAMETOOLONG, "a path is too long to be cleaned");
	int r = entry(s, dir, name, kept, e);
	s->path[n] = '\0';
	return r;
}

static bool skipped(const char *name, size_t n)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       (n == 0 && strcmp(name, ".git") == 0);
}

static int sweep_dir(struct sweep *s, int dir, bool tracked, bool *ret_empty, struct err *e)
{
	size_t n = strlen(s->path);
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_closep(&fd);
		return err_sys(e, "%s", s->path);
	}
	int r = 0;
	*ret_empty = !tracked;
	s->depth++;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;) {
		bool kept = true;
		if (skipped(de->d_name, n))
			continue;
		r = sweep_name(s, dirfd(d), de->d_name, &kept, e);
		*ret_empty = *ret_empty && !kept;
	}
	s->depth--;
	closedir(d);
	return r;
}

int git_clean(struct git_repository *repo, int worktree, const struct clean_flags *f, struct err *e)
{
	struct sweep s = { .repo = repo, .f = f };
	bool empty;
	if (f->none)
		return 0;
	if (git_repository_index(&s.index, repo) < 0)
		return err_set(e, EIO, "index");
	int r = sweep_dir(&s, worktree, true, &empty, e);
	git_index_free(s.index);
	return r < 0 ? err_wrap(e, "clean") : 0;
}
