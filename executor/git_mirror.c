#include "executor/git_mirror.h"

#include "base/fd.h"
#include "base/str.h"

#include <fcntl.h>
#include <git2.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "executor/git_lib.h"

enum { ASKED_LINES = 64, ASKED_MAX = 16 << 10, ASKED_LINE = 17 + SHA1_HEX };

int git_mirror_open(struct git_work *w, bool make, struct err *e)
{
	struct stat st;
	bool there = fstatat(w->dir, "HEAD", &st, 0) == 0 && fstatat(w->dir, "config", &st, 0) == 0;
	w->fresh = !there;
	w->fault = SOURCES_CORRUPT;
	if (!there && !make)
		return err_set(e, ENOENT, "mirror: empty");
	int r;
	if (there) {
		r = git_repository_open_ext(&w->repo, ".",
					    GIT_REPOSITORY_OPEN_NO_SEARCH |
						    GIT_REPOSITORY_OPEN_BARE |
						    GIT_REPOSITORY_OPEN_NO_DOTGIT,
					    NULL);
	} else {
		git_repository_init_options o;
		git_repository_init_options_init(&o, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
		o.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_DOTGIT_DIR;
		o.initial_head = "refs/heads/none";
		r = git_repository_init_ext(&w->repo, ".", &o);
	}
	if (r < 0) {
		enum sources_fault f = git_lib_error(r, e, "mirror");
		w->fault = f == SOURCES_DISK ? f : SOURCES_CORRUPT;
		return -1;
	}
	w->fault = SOURCES_OK;
	return 0;
}

void git_mirror_close(struct git_work *w)
{
	git_repository_free(w->repo);
	w->repo = NULL;
}

static bool object_exists(struct git_work *w, const git_oid *oid)
{
	git_odb *odb = NULL;
	bool there = git_repository_odb(&odb, w->repo) == 0 && git_odb_exists(odb, oid);
	git_odb_free(odb);
	return there;
}

bool git_mirror_has(struct git_work *w)
{
	git_oid oid;
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	bool good = git_oid_fromstr(&oid, w->r->sha) == 0 &&
		    git_commit_lookup(&commit, w->repo, &oid) == 0 &&
		    git_commit_tree(&tree, commit) == 0;
	git_tree_free(tree);
	git_commit_free(commit);
	git_error_clear();
	return good;
}

/* Where the ref stands: 1 at the commit, 0 elsewhere, -1 it is not there. */
static int stands(struct git_work *w, const char *name)
{
	git_oid at, want;
	if (git_reference_name_to_id(&at, w->repo, name) < 0) {
		git_error_clear();
		return -1;
	}
	return git_oid_fromstr(&want, w->r->sha) == 0 && git_oid_equal(&at, &want);
}

static bool was_asked(struct git_work *w)
{
	char line[ASKED_LINE + 1];
	autobuf text = BUF(ASKED_MAX);
	struct err e = { 0 };
	autofd fd = openat(w->dir, "asked", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fd_read_all(fd, &text, &e) < 0)
		return false;
	snprintf(line, sizeof line, "%016" PRIx64 " %.40s",
		 refspec_hash(w->r->refspecs, w->r->nrefspecs), w->r->sha);
	return strstr(buf_cstr(&text), line) != NULL;
}

int git_mirror_asked(struct git_work *w, struct err *e)
{
	autobuf text = BUF(ASKED_MAX + 128);
	autobuf old = BUF(ASKED_MAX);
	struct err none = { 0 };
	autofd fd = openat(w->dir, "asked", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		(void)!fd_read_all(fd, &old, &none);
	if (buf_printf(&text, e, "%016" PRIx64 " %.40s\n",
		       refspec_hash(w->r->refspecs, w->r->nrefspecs), w->r->sha) < 0)
		return -1;
	size_t keep = (size_t)(ASKED_LINES - 1) * (ASKED_LINE + 1);
	if (buf_add(&text, buf_cstr(&old), old.len < keep ? old.len : keep, e) < 0)
		return -1;
	return fd_replace_file(w->dir, "asked", 0644, &text, e);
}

struct standing {
	bool patterns, single, at, loose;
};

static void look_at(struct git_work *w, const struct refspec *s, struct standing *st)
{
	char name[REF_NAME_MAX + 1];
	st->patterns |= s->glob;
	if (s->glob || s->oid)
		return;
	snprintf(name, sizeof name, "%.*s", (int)s->nsrc, s->src);
	int where = stands(w, name);
	st->single = true;
	st->at |= where == 1;
	st->loose |= where == 0 || (where < 0 && !str_starts(name, "refs/pipelines/"));
}

bool git_mirror_hit(struct git_work *w)
{
	char kept[SHA1_HEX + 32];
	struct standing st = { 0 };
	snprintf(kept, sizeof kept, "refs/commits/%.40s", w->r->sha);
	for (size_t i = 0; i < w->r->nrefspecs; i++)
		look_at(w, &w->specs[i], &st);
	bool here = st.single ? st.at && !st.loose : st.patterns;
	if (!here && stands(w, kept) != 1)
		return false;
	return (!st.patterns || was_asked(w)) && git_mirror_has(w);
}

/* Every ref below "name/". */
static void remove_below(struct git_work *w, const char *name)
{
	char glob[REF_NAME_MAX + 8];
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	snprintf(glob, sizeof glob, "%s/*", name);
	if (git_reference_iterator_glob_new(&it, w->repo, glob) == 0)
		while (git_reference_next(&ref, it) == 0) {
			git_reference_delete(ref);
			git_reference_free(ref);
		}
	git_reference_iterator_free(it);
	git_error_clear();
}

void git_mirror_clear_way(struct git_work *w, const char *name)
{
	char above[REF_NAME_MAX + 1];
	if ((size_t)snprintf(above, sizeof above, "%s", name) >= sizeof above)
		return;
	remove_below(w, name);
	for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
		git_reference *ref = NULL;
		*slash = '\0';
		if (!strchr(above, '/'))
			break;
		if (git_reference_lookup(&ref, w->repo, above) == 0)
			git_reference_delete(ref);
		git_reference_free(ref);
	}
	git_error_clear();
}

int git_mirror_set(struct git_work *w, const char *name, const char *oid, struct err *e)
{
	git_oid at, to;
	git_reference *ref = NULL;
	int r = git_oid_fromstr(&to, oid);
	if (r == 0 && git_reference_name_to_id(&at, w->repo, name) == 0 && git_oid_equal(&at, &to))
		return 0;
	if (r == 0)
		r = git_reference_create(&ref, w->repo, name, &to, 1, NULL);
	if (r < 0 && object_exists(w, &to)) {
		git_mirror_clear_way(w, name);
		r = git_reference_create(&ref, w->repo, name, &to, 1, NULL);
	}
	git_reference_free(ref);
	git_error_clear();
	return r < 0 ? err_set(e, EIO, "%s: cannot be stored in the mirror", name) : 0;
}
