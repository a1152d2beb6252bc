#include "executor/file_pick.h"

#include "base/fd.h"
#include "executor/archiver.h"
#include "executor/git_tree.h"
#include "executor/git_untracked.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { ARENA_BYTES = 256 << 20 };

void file_pick_init(struct file_pick *k, int sock, const char *noun)
{
	*k = (struct file_pick){ .sock = sock, .noun = noun, .a = ARENA(ARENA_BYTES) };
	file_list_init(&k->list);
}

void file_pick_done(struct file_pick *k)
{
	fd_close(&k->list.tree);
	file_list_done(&k->list);
	arena_done(&k->a);
}

int file_pick_read(struct file_pick *k, int parcel, struct err *e)
{
	autobuf text = BUF(PARCEL_BYTES_MAX);
	if (lseek(parcel, 0, SEEK_SET) < 0)
		return err_sys(e, "parcel");
	if (fd_read_all(parcel, &text, e) < 0)
		return -1;
	return parcel_read(buf_cstr(&text), &k->a, &k->p, e);
}

static int say_bad_pattern(struct file_pick *k, const char *path, const struct err *why,
			   struct err *e)
{
	if (why->code == EXDEV)
		return archiver_say(
			k->sock, SAY_WARNING, e,
			"WARNING: artifact path is not a subpath of project directory: %s", path);
	return archiver_say(k->sock, SAY_WARNING, e, "WARNING: %s: %s", path, why->msg);
}

static int say_found(struct file_pick *k, const char *path, const struct file_found *f,
		     struct err *e)
{
	if (f->unreadable &&
	    archiver_say(k->sock, SAY_WARNING, e,
			 "WARNING: %s: %zu directories cannot be read and are left out (%s)", path,
			 f->unreadable, f->first) < 0)
		return -1;
	if (f->found)
		return archiver_say(k->sock, SAY_PLAIN, e,
				    "%s: found %zu matching %s files and directories", path,
				    f->found, k->noun);
	return archiver_say(k->sock, SAY_WARNING, e,
			    "WARNING: %s: no matching files. Ensure that the %s path is "
			    "relative to the working directory (%s)",
			    path, k->noun, k->p.tree);
}

static int add_path(struct file_pick *k, const char *path, struct err *e)
{
	struct glob g;
	struct err why = { 0 };
	struct file_found found = { 0 };
	if (glob_compile(&g, path, k->p.tree, &k->a, &why) < 0)
		return say_bad_pattern(k, path, &why, e);
	if (file_list_glob(&k->list, &g, &found, e) < 0)
		return err_wrap(e, "%.100s", path);
	return say_found(k, path, &found, e);
}

static int add_untracked(void *pick, const char *path, struct err *e)
{
	struct file_pick *k = pick;
	int r = file_list_add(&k->list, path, e);
	k->untracked += r > 0;
	return r < 0 ? -1 : 0;
}

static int find_untracked(struct file_pick *k, struct err *e)
{
	struct err why = { 0 };
	if (git_untracked(k->list.tree, k->p.tree, add_untracked, k, &why) < 0)
		return archiver_say(k->sock, SAY_WARNING, e, "WARNING: untracked: %s", why.msg);
	return archiver_say(k->sock, SAY_PLAIN, e, "untracked: found %zu files", k->untracked);
}

static int compile_excludes(struct file_pick *k, struct err *e)
{
	k->list.excludes = arena_array(&k->a, k->p.nexcludes + 1, sizeof *k->list.excludes, e);
	if (!k->list.excludes)
		return -1;
	for (size_t i = 0; i < k->p.nexcludes; i++) {
		struct err why = { 0 };
		struct file_exclude *x = &k->list.excludes[k->list.nexcludes];
		if (glob_compile(&x->pattern, k->p.excludes[i], k->p.tree, &k->a, &why) == 0)
			k->list.nexcludes++;
		else if (say_bad_pattern(k, k->p.excludes[i], &why, e) < 0)
			return -1;
	}
	return 0;
}

static int say_excluded(struct file_pick *k, struct err *e)
{
	for (size_t i = 0; i < k->list.nexcludes; i++) {
		const struct file_exclude *x = &k->list.excludes[i];
		if (x->kept_out && archiver_say(k->sock, SAY_PLAIN, e, "%s: excluded %zu files",
						x->pattern.text, x->kept_out) < 0)
			return -1;
	}
	return 0;
}

/* Formats that hold nothing but files' bytes. */
static void keep_files_only(struct file_pick *k)
{
	size_t n = 0;
	struct stat st;
	if (!k->files_only)
		return;
	for (size_t i = 0; i < k->list.n; i++)
		if (fstatat(k->list.tree, k->list.paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			k->list.paths[n++] = k->list.paths[i];
	k->list.n = n;
}

int file_pick_find(struct file_pick *k, struct err *e)
{
	k->list.tree = git_tree_open(k->p.tree, e);
	if (k->list.tree < 0 || compile_excludes(k, e) < 0)
		return -1;
	for (size_t i = 0; i < k->p.npaths; i++)
		if (add_path(k, k->p.paths[i], e) < 0)
			return -1;
	if (k->p.untracked && find_untracked(k, e) < 0)
		return -1;
	file_list_sort(&k->list);
	keep_files_only(k);
	return say_excluded(k, e);
}
