#include "executor/git_checkout.h"

#include "base/fd.h"
#include "executor/git_lib.h"
#include "executor/git_sparse.h"
#include "executor/git_tree.h"
#include "executor/refspec.h"

#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ARENA_BYTES = 1 << 20, PATH_BYTES = 4096 };

struct work {
	const struct pack_checkout *c;
	struct git_tree_place place;
	git_repository *repo;
	git_tree *target, *old;
	enum sources_fault fault;
};

static int fail(struct work *k, int r, const char *what, struct err *e)
{
	k->fault = git_lib_error(r, e, what);
	if (r == GIT_ENOTFOUND)
		k->fault = SOURCES_CORRUPT;
	return -1;
}

static int tree_of(git_repository *repo, const char *sha, git_tree **ret)
{
	git_oid oid;
	git_commit *commit = NULL;
	int r = git_oid_fromstr(&oid, sha);
	if (r == 0)
		r = git_commit_lookup(&commit, repo, &oid);
	if (r == 0)
		r = git_commit_tree(ret, commit);
	git_commit_free(commit);
	return r;
}

/* Relative to the tree, so that no name above it counts. */
static int open_repository(struct work *k, struct err *e)
{
	k->fault = SOURCES_DISK;
	if (fchdir(k->place.tree) < 0)
		return err_sys(e, "tree");
	int r = git_repository_open_ext(
		&k->repo, k->place.gitdir,
		GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_NO_DOTGIT, NULL);
	if (r < 0)
		return fail(k, r, "repository", e);
	r = tree_of(k->repo, k->c->sha, &k->target);
	if (r < 0)
		return fail(k, r, "commit", e);
	if (*k->place.old && tree_of(k->repo, k->place.old, &k->old) < 0)
		k->old = NULL;
	git_error_clear();
	return 0;
}

/*
 * The index was not kept (an earlier job could have written into it that a changed file is unchanged):
 * libgit2 has compared every file by content. What it left alone has no entry yet.
 */
static int complete_index(struct work *k, git_index *index)
{
	int r = git_index_read_tree(index, k->target);
	size_t n = r == 0 ? git_index_entrycount(index) : 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		git_index_entry entry = *git_index_get_byindex(index, i);
		struct stat st;
		if ((entry.mode != GIT_FILEMODE_BLOB &&
		     entry.mode != GIT_FILEMODE_BLOB_EXECUTABLE &&
		     entry.mode != GIT_FILEMODE_LINK) ||
		    fstatat(k->place.worktree, entry.path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		entry.mtime.seconds = (int32_t)st.st_mtim.tv_sec;
		entry.mtime.nanoseconds = (uint32_t)st.st_mtim.tv_nsec;
		entry.ctime.seconds = (int32_t)st.st_ctim.tv_sec;
		entry.ctime.nanoseconds = (uint32_t)st.st_ctim.tv_nsec;
		entry.dev = (uint32_t)st.st_dev;
		entry.ino = (uint32_t)st.st_ino;
		entry.uid = st.st_uid;
		entry.gid = st.st_gid;
		entry.file_size = (uint32_t)st.st_size;
		r = git_index_add(index, &entry);
	}
	return r == 0 ? git_index_write(index) : r;
}

struct way {
	int worktree;
	struct err *e;
};

/* libgit2 would write through a link where the commit has a directory: such a link goes, and a
 * directory where the commit has a file. Parents come first. */
static int clear_entry(const char *root, const git_tree_entry *entry, void *arg)
{
	struct way *w = arg;
	char path[PATH_BYTES];
	struct stat st;
	bool file = git_tree_entry_type(entry) == GIT_OBJECT_BLOB;
	int n = snprintf(path, sizeof path, "%s%s", root, git_tree_entry_name(entry));
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(w->e, ENAMETOOLONG, "path in the commit");
	if (fstatat(w->worktree, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || file != S_ISDIR(st.st_mode))
		return 0;
	return fd_remove_tree(w->worktree, path, w->e);
}

static int clear_way(struct work *k, git_tree *tree, struct err *e)
{
	struct way w = { k->place.worktree, e };
	struct err none = { 0 };
	k->fault = SOURCES_DISK;
	int r = git_tree_walk(tree, GIT_TREEWALK_PRE, clear_entry, &w);
	if (r < 0 && !e->code) {
		k->fault = git_lib_error(r, &none, "tree");
		return err_set(e, EIO, "%s", none.msg);
	}
	return r < 0 ? -1 : 0;
}

static int clear_ways(struct work *k, struct err *e)
{
	if (k->old && clear_way(k, k->old, e) < 0)
		return -1;
	return clear_way(k, k->target, e);
}

/* All of it or the part that is asked for; of an empty part nothing (no paths would mean all). */
static int write_tree(struct work *k, git_checkout_options *o, struct err *e)
{
	const char *part = k->c->sparse;
	int r = 0;
	k->fault = SOURCES_CORRUPT;
	if (*part && git_sparse_paths(k->target, part, &o->paths, e) < 0)
		return -1;
	if (!*part || o->paths.count)
		r = git_checkout_tree(k->repo, (git_object *)k->target, o);
	if (*part)
		git_sparse_free(&o->paths);
	return r < 0 ? fail(k, r, "checkout", e) : 0;
}

static int finish_index(struct work *k, git_index *index)
{
	int r = k->c->state == PACK_KEPT ? complete_index(k, index) : 0;
	if (r == 0 && *k->c->sparse)
		r = git_sparse_index(index, k->target, k->c->sparse);
	return r;
}

static int write_files(struct work *k, unsigned *files, struct err *e)
{
	git_checkout_options o;
	git_index *index = NULL;
	bool kept = k->c->state == PACK_KEPT;
	git_checkout_options_init(&o, GIT_CHECKOUT_OPTIONS_VERSION);
	o.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_RECREATE_MISSING |
			      GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH;
	o.baseline = kept ? (k->old ? k->old : k->target) : NULL;
	if (kept && clear_ways(k, e) < 0)
		return -1;
	if (write_tree(k, &o, e) < 0)
		return -1;
	int r = git_repository_index(&index, k->repo);
	if (r == 0)
		r = finish_index(k, index);
	*files = index ? (unsigned)git_index_entrycount(index) : 0;
	git_index_free(index);
	return r < 0 ? fail(k, r, "checkout", e) : 0;
}

static int clean(struct work *k, struct err *e)
{
	struct arena a = ARENA(ARENA_BYTES);
	struct clean_flags f;
	k->fault = SOURCES_CONFIG;
	int r = clean_flags_parse(k->c->clean, &a, &f, e);
	if (r == 0) {
		k->fault = SOURCES_DISK;
		r = git_clean(k->repo, k->place.worktree, &f, e);
	}
	arena_done(&a);
	return r;
}

static int run(struct work *k, struct pack_result *ret, struct err *e)
{
	if (open_repository(k, e) < 0)
		return -1;
	if (k->c->files && write_files(k, &ret->files, e) < 0)
		return -1;
	k->fault = SOURCES_DISK;
	if (git_tree_head(&k->place, k->c->sha, k->c->branch, e) < 0)
		return -1;
	if (k->c->files && k->c->state == PACK_KEPT && clean(k, e) < 0)
		return -1;
	if (k->c->files && k->c->modules) {
		k->fault = SOURCES_CONFIG;
		ret->modules = git_modules_list(k->repo, e);
		if (ret->modules < 0)
			return -1;
	}
	snprintf(ret->head, sizeof ret->head, "%.8s", k->c->sha);
	return 0;
}

int git_checkout(const struct pack_checkout *c, struct pack_result *ret,
		 enum sources_fault *ret_fault, struct err *e)
{
	struct work k = { .c = c };
	if (!ref_is_sha1(c->sha, strlen(c->sha))) {
		*ret_fault = SOURCES_CONFIG;
		return err_set(e, EINVAL, "the commit's name is not 40 hex digits");
	}
	if (git_tree_make(c, &k.place, ret_fault, e) < 0)
		return -1;
	int r = run(&k, ret, e);
	git_tree_free(k.old);
	git_tree_free(k.target);
	git_repository_free(k.repo);
	git_tree_done(&k.place);
	*ret_fault = r < 0 ? k.fault : SOURCES_OK;
	return r;
}
