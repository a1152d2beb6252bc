#include "executor/file_list.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FIRST_ROOM = 256 };

void file_list_init(struct file_list *l)
{
	*l = (struct file_list){ .tree = -1, .names = ARENA(FILE_LIST_BYTES) };
}

void file_list_done(struct file_list *l)
{
	arena_done(&l->names);
	free((void *)l->paths);
	file_list_init(l);
}

static int grow(struct file_list *l, struct err *e)
{
	size_t room = l->room ? l->room * 2 : FIRST_ROOM;
	if (l->n < l->room)
		return 0;
	if (l->n >= FILE_LIST_MAX)
		return err_set(e, E2BIG, "more than %d files and directories", FILE_LIST_MAX);
	const char **more = (const char **)realloc((void *)l->paths, room * sizeof *more);
	if (!more)
		return err_set(e, ENOMEM, "out of memory");
	l->paths = more;
	l->room = room;
	return 0;
}

static bool is_excluded(struct file_list *l, const char *path)
{
	for (size_t i = 0; i < l->nexcludes; i++)
		if (glob_match(&l->excludes[i].pattern, path)) {
			l->excludes[i].kept_out++;
			return true;
		}
	return false;
}

int file_list_add(struct file_list *l, const char *path, struct err *e)
{
	if (is_excluded(l, path))
		return 0;
	if (grow(l, e) < 0)
		return -1;
	const char *copy = arena_strdup(&l->names, path, e);
	if (!copy)
		return err_set(e, E2BIG, "the names of the files are more than %d MiB",
			       FILE_LIST_BYTES >> 20);
	l->paths[l->n++] = copy;
	return 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void file_list_sort(struct file_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort((void *)l->paths, l->n, sizeof *l->paths, by_name);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || strcmp(l->paths[n - 1], l->paths[i]) != 0)
			l->paths[n++] = l->paths[i];
	l->n = n;
}

/* --- the walk ----------------------------------------------------------------------------------- */

struct walk {
	struct file_list *list;
	const struct glob_alternative *g;
	struct file_found *found;
	unsigned depth;
	char path[FILE_LIST_PATH];
};

/* Where the walk stands in a directory: what may come next, or everything. */
struct place {
	uint64_t at;
	bool all;
};

static int walk_dir(struct walk *w, int dir, struct place p, struct err *e);

static void note_unreadable(struct walk *w)
{
	if (w->found->unreadable++ == 0)
		snprintf(w->found->first, sizeof w->found->first, "%.*s",
			 (int)sizeof w->found->first - 1, w->path);
}

static unsigned char kind_of(int dir, const char *name, unsigned char known)
{
	struct stat st;
	if (known != DT_UNKNOWN)
		return known;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

struct entry {
	int dir;
	const char *name;
	unsigned char kind;
};

static int descend(struct walk *w, const struct entry *n, struct place p, struct err *e)
{
	if (w->depth == FILE_LIST_DEPTH)
		return err_set(e, ELOOP, "%.100s…: more than %d directories in one another",
			       w->path, FILE_LIST_DEPTH);
	autofd fd = openat(n->dir, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		note_unreadable(w);
		return 0;
	}
	w->depth++;
	int r = walk_dir(w, fd, p, e);
	w->depth--;
	return r;
}

/* The entry that w->path names. */
static int visit(struct walk *w, const struct entry *n, struct place p, struct err *e)
{
	if (p.all) {
		int r = file_list_add(w->list, w->path, e);
		if (r < 0)
			return -1;
		w->found->found += (size_t)r;
	}
	return n->kind == DT_DIR ? descend(w, n, p, e) : 0;
}

/* One name of the directory that w->path is. */
static int step(struct walk *w, const struct entry *n, struct place p, struct err *e)
{
	size_t len = strlen(w->path);
	if (!p.all) {
		p.at = glob_step(w->g, p.at, n->name);
		p.all = glob_matched(w->g, p.at);
	}
	if (!p.at && !p.all)
		return 0;
	struct entry known = { n->dir, n->name, kind_of(n->dir, n->name, n->kind) };
	if (known.kind != DT_REG && known.kind != DT_LNK && known.kind != DT_DIR)
		return 0;
	int more = snprintf(w->path + len, sizeof w->path - len, "%s%s", len ? "/" : "", n->name);
	int r = more < 0 || (size_t)more >= sizeof w->path - len
			? err_set(e, ENAMETOOLONG, "%.100s…: path too long", w->path)
			: visit(w, &known, p, e);
	w->path[len] = '\0';
	return r;
}

static int walk_dir(struct walk *w, int dir, struct place p, struct err *e)
{
	const char *only = p.all ? NULL : glob_only(w->g, p.at);
	if (only)
		return step(w, &(struct entry){ dir, only, DT_UNKNOWN }, p, e);
	autofd copy = fcntl(dir, F_DUPFD_CLOEXEC, 0); /* each directory is read once */
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "%.100s", w->path);
	rewinddir(d);
	fd_take(&copy);
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = step(w, &(struct entry){ dir, de->d_name, de->d_type }, p, e);
	closedir(d);
	return r;
}

int file_list_glob(struct file_list *l, const struct glob *g, struct file_found *ret, struct err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		struct walk w = { .list = l, .g = g->alternatives[i], .found = ret };
		struct place p = { .at = glob_begin(w.g) };
		p.all = glob_matched(w.g, p.at);
		if (walk_dir(&w, l->tree, p, e) < 0)
			return -1;
	}
	return 0;
}
