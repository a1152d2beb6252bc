#include "executor/git_sparse.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* The next directory of the lines at *s, without slashes at its ends; NULL: there is none. */
static const char *next_line(const char **s, size_t *ret_n)
{
	while (**s) {
		const char *at = *s + strspn(*s, " \t\r\n/");
		size_t n = strcspn(at, "\n");
		*s = at + n + (at[n] == '\n');
		while (n && strchr(" \t\r/", at[n - 1]))
			n--;
		*ret_n = n;
		if (n)
			return at;
	}
	return NULL;
}

bool git_sparse_has(const char *directories, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t parent = slash ? (size_t)(slash - path) : 0, n;
	if (!parent)
		return true;
	for (const char *d = next_line(&directories, &n); d; d = next_line(&directories, &n)) {
		bool below = strncmp(path, d, n) == 0 && path[n] == '/';
		bool above = parent < n && strncmp(path, d, parent) == 0 && d[parent] == '/';
		if (below || above)
			return true;
	}
	return false;
}

/* --- walking a tree ----------------------------------------------------------------------------- */

struct search {
	const char *directories;
	git_strarray *paths;
	size_t cap;
	git_index *index;
};

static bool path_of(const char *root, const git_tree_entry *entry, char *out)
{
	int n = snprintf(out, PATH_BYTES, "%s%s", root, git_tree_entry_name(entry));
	return n > 0 && n < PATH_BYTES && git_tree_entry_type(entry) != GIT_OBJECT_TREE;
}

static int add_path(const char *root, const git_tree_entry *entry, void *arg)
{
	struct search *s = arg;
	char path[PATH_BYTES];
	if (!path_of(root, entry, path) || !git_sparse_has(s->directories, path))
		return 0;
	if (s->paths->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		char **more = reallocarray(s->paths->strings, cap, sizeof *more);
		if (!more)
			return -1;
		s->paths->strings = more;
		s->cap = cap;
	}
	char *copy = strdup(path);
	if (!copy)
		return -1;
	s->paths->strings[s->paths->count++] = copy;
	return 0;
}

int git_sparse_paths(git_tree *tree, const char *directories, git_strarray *ret, struct err *e)
{
	struct search s = { .directories = directories, .paths = ret };
	*ret = (git_strarray){ 0 };
	if (git_tree_walk(tree, GIT_TREEWALK_PRE, add_path, &s) == 0)
		return 0;
	git_sparse_free(ret);
	return err_set(e, EIO, "the commit's tree cannot be read");
}

void git_sparse_free(git_strarray *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->strings[i]);
	free(paths->strings);
	*paths = (git_strarray){ 0 };
}

static int add_absent(const char *root, const git_tree_entry *entry, void *arg)
{
	struct search *s = arg;
	char path[PATH_BYTES];
	if (!path_of(root, entry, path) || git_sparse_has(s->directories, path))
		return 0;
	git_index_entry absent = {
		.mode = (uint32_t)git_tree_entry_filemode(entry),
		.id = *git_tree_entry_id(entry),
		.flags_extended = GIT_INDEX_ENTRY_SKIP_WORKTREE,
		.path = path,
	};
	return git_index_add(s->index, &absent);
}

int git_sparse_index(git_index *index, git_tree *tree, const char *directories)
{
	struct search s = { .directories = directories, .index = index };
	int r = git_tree_walk(tree, GIT_TREEWALK_PRE, add_absent, &s);
	return r == 0 ? git_index_write(index) : r;
}

/* --- git's own words for it ----------------------------------------------------------------------- */

/* Of a/b: "/a/", "!/a/" star "/", "/a/b/". */
static int put_directory(const char *d, size_t n, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (d[i] == '/' &&
		    buf_printf(out, e, "/%.*s/\n!/%.*s/*/\n", (int)i, d, (int)i, d) < 0)
			return -1;
	return buf_printf(out, e, "/%.*s/\n", (int)n, d);
}

int git_sparse_text(const char *directories, struct buf *out, struct err *e)
{
	size_t n;
	if (buf_str(out, "/*\n!/*/\n", e) < 0)
		return -1;
	for (const char *d = next_line(&directories, &n); d; d = next_line(&directories, &n))
		if (put_directory(d, n, out, e) < 0)
			return -1;
	return 0;
}
