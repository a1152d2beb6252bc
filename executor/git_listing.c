#include "executor/git_listing.h"

#include "base/str.h"
#include "executor/git_mirror.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>

enum { NAME = FETCH_REF + 32 };

struct meaning {
	const char *before, *behind;
};

/* In the order in which they count. */
static const struct meaning meanings[GIT_LISTING_ROWS] = {
	{ "refs/heads/", "" },
	{ "refs/tags/", "^{}" },
	{ "refs/tags/", "" },
	{ "", "^{}" },
	{ "", "" },
};

bool git_listing_ref_ok(const char *ref)
{
	char name[NAME];
	if (strcmp(ref, "HEAD") == 0 || *ref == '-' || strlen(ref) >= FETCH_REF)
		return *ref == 'H';
	snprintf(name, sizeof name, "%s%s", str_starts(ref, "refs/") ? "" : "refs/heads/", ref);
	return ref_name_ok(name, strlen(name));
}

void git_listing_take(struct git_work *w, const char *name, const char *sha)
{
	char want[NAME];
	for (size_t i = 0; i < GIT_LISTING_ROWS; i++) {
		snprintf(want, sizeof want, "%s%s%s", meanings[i].before, w->r->ref,
			 meanings[i].behind);
		if (strcmp(name, want) == 0)
			snprintf(w->listing.sha[i], FETCH_SHA, "%.40s", sha);
	}
}

/* The refspec that brings what was found, as a clone has it. */
static int add_spec(struct git_work *w, struct arena *a, struct err *e)
{
	static const char heads[] = "refs/heads/", tags[] = "refs/tags/";
	const char *ref = w->result.ref, *to = "refs/remotes/", *rest = ref + strlen("refs/");
	size_t n = w->r->nrefspecs;
	if (!*ref)
		return 0;
	if (str_starts(ref, heads)) {
		to = "refs/remotes/origin/";
		rest = ref + sizeof heads - 1;
	} else if (str_starts(ref, tags)) {
		to = "refs/";
	}
	const char **texts = arena_array(a, n + 1, sizeof *texts, e);
	const char *text = arena_printf(a, e, "+%s:%s%s", ref, to, rest);
	if (!texts || !text || refspec_parse(&w->specs[n], text, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		texts[i] = w->r->refspecs[i];
	texts[n] = text;
	w->r->refspecs = texts;
	w->r->nrefspecs = n + 1;
	return 0;
}

static int not_found(struct git_work *w, struct err *e)
{
	w->fault = SOURCES_NOT_FOUND;
	return err_set(e, ENOENT, "%s: there is no branch and no tag \"%s\"", w->r->url, w->r->ref);
}

int git_listing_settle(struct git_work *w, struct arena *a, struct err *e)
{
	size_t i = 0;
	while (i < GIT_LISTING_ROWS && !w->listing.sha[i][0])
		i++;
	if (i == GIT_LISTING_ROWS)
		return not_found(w, e);
	if (strcmp(w->r->ref, "HEAD") == 0)
		snprintf(w->result.ref, FETCH_REF, "%s", w->listing.head);
	else
		snprintf(w->result.ref, FETCH_REF, "%.16s%.230s", meanings[i].before, w->r->ref);
	if (w->result.ref[0] && !ref_name_ok(w->result.ref, strlen(w->result.ref)))
		w->result.ref[0] = '\0';
	snprintf(w->result.sha, FETCH_SHA, "%s", w->listing.sha[i]);
	w->r->sha = w->result.sha;
	w->listed = true;
	return add_spec(w, a, e);
}

/* A name of the mirror's own for what ref stood for. */
static void noted_name(const struct git_work *w, char *out, size_t size)
{
	snprintf(out, size, "refs/asked/%s", w->r->ref);
}

int git_listing_note(struct git_work *w, struct err *e)
{
	char name[NAME];
	snprintf(name, sizeof name, "refs/commits/%.40s", w->r->sha);
	if (git_mirror_set(w, name, w->r->sha, e) < 0)
		return -1;
	noted_name(w, name, sizeof name);
	return *w->r->ref ? git_mirror_set(w, name, w->r->sha, e) : 0;
}

int git_listing_recall(struct git_work *w, struct err *e)
{
	char name[NAME];
	git_oid oid;
	noted_name(w, name, sizeof name);
	int r = git_reference_name_to_id(&oid, w->repo, name);
	git_error_clear();
	if (r < 0)
		return not_found(w, e);
	git_oid_tostr(w->result.sha, FETCH_SHA, &oid);
	w->r->sha = w->result.sha;
	return 0;
}
