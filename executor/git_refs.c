/* The refs that a job's clone gets, from those of the mirror. */
#include "executor/git_mirror.h"

#include "base/fd.h"

#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

enum { REFS_MAX = 1000000, REFS_BYTES = 256 << 20 };

struct list {
	struct arena names;
	struct row *rows;
	size_t n, cap;
};

struct row {
	const char *name;
	char oid[SHA1_HEX + 1];
};

static int add(struct list *l, const char *name, const git_oid *oid, struct err *e)
{
	if (!ref_name_ok(name, strlen(name)))
		return 0;
	if (l->n == REFS_MAX)
		return err_set(e, E2BIG, "more than %d refs", REFS_MAX);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct row *rows = reallocarray(l->rows, cap, sizeof *rows);
		if (!rows)
			return err_sys(e, "refs");
		l->rows = rows;
		l->cap = cap;
	}
	struct row *r = &l->rows[l->n];
	r->name = arena_strdup(&l->names, name, e);
	if (!r->name)
		return -1;
	git_oid_tostr(r->oid, sizeof r->oid, oid);
	l->n++;
	return 0;
}

/* A ref that is named singly. A pipeline's ref that the mirror has not stands at the commit. */
static int add_one(struct git_work *w, struct list *l, const struct refspec *s, struct err *e)
{
	char name[REF_NAME_MAX + 1], local[REF_NAME_MAX + 1];
	git_oid oid;
	snprintf(name, sizeof name, "%.*s", (int)s->nsrc, s->src);
	snprintf(local, sizeof local, "%.*s", (int)s->ndst, s->dst);
	int r = s->oid ? git_oid_fromstr(&oid, name)
		       : git_reference_name_to_id(&oid, w->repo, name);
	if (r < 0 && str_starts(name, "refs/pipelines/"))
		r = git_oid_fromstr(&oid, w->r->sha);
	git_error_clear();
	return r < 0 ? 0 : add(l, local, &oid, e);
}

static int add_pattern(struct git_work *w, struct list *l, const struct refspec *s, struct err *e)
{
	char glob[REF_NAME_MAX + 2], local[REF_NAME_MAX + 1];
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	int r = 0;
	snprintf(glob, sizeof glob, "%.*s*", (int)s->nsrc, s->src);
	if (git_reference_iterator_glob_new(&it, w->repo, glob) < 0)
		return err_set(e, EIO, "refs of the mirror");
	while (r == 0 && git_reference_next(&ref, it) == 0) {
		const git_oid *oid = git_reference_target(ref);
		const char *name = git_reference_name(ref);
		if (oid && refspec_matches(s, name) && refspec_local(s, name, local, sizeof local))
			r = add(l, local, oid, e);
		git_reference_free(ref);
	}
	git_reference_iterator_free(it);
	git_error_clear();
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static int print(struct list *l, struct buf *out, struct err *e)
{
	if (l->n)
		qsort(l->rows, l->n, sizeof *l->rows, by_name);
	if (buf_str(out, "# pack-refs with: sorted \n", e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (i && strcmp(l->rows[i].name, l->rows[i - 1].name) == 0)
			continue;
		if (buf_printf(out, e, "%s %s\n", l->rows[i].oid, l->rows[i].name) < 0)
			return -1;
	}
	return 0;
}

int git_mirror_refs(struct git_work *w, struct err *e)
{
	struct list l = { .names = ARENA(REFS_BYTES) };
	struct refspec tags;
	autobuf text = BUF(REFS_BYTES);
	int fd = -1, r = refspec_parse(&tags, "+refs/tags/*:refs/tags/*", e);
	for (size_t i = 0; r == 0 && i < w->r->nrefspecs; i++)
		r = (w->specs[i].glob ? add_pattern : add_one)(w, &l, &w->specs[i], e);
	if (r == 0)
		r = add_pattern(w, &l, &tags, e);
	if (r == 0)
		fd = print(&l, &text, e) < 0 ? -1 : fd_sealed("refs", text.p, text.len, e);
	free(l.rows);
	arena_done(&l.names);
	return fd;
}
