#include "executor/git_fetch.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "executor/git_export.h"
#include "executor/git_lib.h"
#include "executor/git_listing.h"
#include "executor/git_mirror.h"
#include "executor/git_store.h"
#include "executor/remote_url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 4 << 20 };

void git_work_moved(struct git_work *w)
{
	atomic_store(&w->watch->moved_ms, clock_ms());
}

void git_work_say(struct git_work *w, const char *fmt, ...)
{
	char text[512];
	struct err none = { 0 };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	automsg m;
	msg_init(&m, FETCH_PROGRESS);
	msg_put_str(&m, text);
	(void)!msg_send(w->sock, &m, &none);
}

void git_fetch_failed(int sock, enum sources_fault fault, const char *text)
{
	struct err none = { 0 };
	automsg m;
	msg_init(&m, FETCH_FAILED);
	msg_put_u32(&m, fault);
	msg_put_str(&m, text);
	(void)!msg_send(sock, &m, &none);
}

static int check(struct git_work *w, struct err *e)
{
	const struct fetch_request *r = w->r;
	w->fault = SOURCES_CONFIG;
	if (remote_url_check(r->url, e) < 0)
		return -1;
	if (*r->object_format && strcmp(r->object_format, "sha1") != 0)
		return err_set(e, ENOTSUP,
			       "repositories with %.20s object names are not supported "
			       "yet (libgit2 cannot read them)",
			       r->object_format);
	if (!*r->sha && *r->ref && !git_listing_ref_ok(r->ref))
		return err_set(e, EINVAL, "\"%.100s\" is no name of a branch or a tag", r->ref);
	if (!ref_is_sha1(r->sha, strlen(r->sha)) && (*r->sha || !*r->ref))
		return err_set(e, EINVAL, "the commit's name is not 40 hex digits");
	for (size_t i = 0; i < r->nrefspecs; i++)
		if (refspec_parse(&w->specs[i], r->refspecs[i], e) < 0)
			return -1;
	w->fault = SOURCES_OK;
	return 0;
}

struct engine {
	const char *name;
	git_engine_fn *update;
	git_list_fn *list;
};

/* Which engines are to be tried, in order; see the head of executor/git_program.c. libgit2 shows no
 * client certificate and has no list of hosts without proxy; Debian's (mbedTLS) knows neither TLS 1.3
 * nor certificates for an address. None: there is no git program, and it is needed. */
static unsigned engines(const struct git_work *w, struct engine ret[2])
{
	const struct engine program = { "git", git_program_update, git_program_ask };
	const struct engine library = { git_lib_name(), git_remote_update, git_remote_ask };
	bool needed = *w->settings->cert || *w->settings->proxy;
	bool there = *w->settings->git != '\0', first = !w->fresh && !git_lib_fetches_well();
	unsigned n = 0;
	if (there && (needed || first))
		ret[n++] = program;
	if (!needed)
		ret[n++] = library;
	if (there && !needed && !first && str_starts(w->r->url, "https:"))
		ret[n++] = program;
	return n;
}

/* Another engine, or another try, would hear the same. */
static bool is_final(const struct git_work *w)
{
	static const bool rows[SOURCES_FAULTS] = {
		[SOURCES_AUTH] = true,
		[SOURCES_NOT_FOUND] = true,
		[SOURCES_DISK] = true,
		[SOURCES_TIMEOUT] = true,
	};
	return rows[w->fault] || (w->fault == SOURCES_CORRUPT && !w->fresh);
}

static int no_engine(struct git_work *w, struct err *e)
{
	const char *what = *w->settings->cert ? "a client certificate" : "a proxy";
	w->fault = SOURCES_CONFIG;
	return err_set(e, ENOENT, "%s: %s needs the git program, which is not there", w->r->url,
		       what);
}

static int try_engine(struct git_work *w, const struct engine *g, const struct refspec *specs,
		      size_t n, struct err *e)
{
	return specs ? g->update(w, specs, n, e) : g->list(w, e);
}

/* specs NULL: what the server has is asked, nothing is brought. */
static int fetch_specs(struct git_work *w, const struct refspec *specs, size_t n, struct err *e)
{
	struct engine tried[2];
	struct err told = { 0 }; /* by git: of a network it says more than libgit2 */
	unsigned count = engines(w, tried);
	int r = count ? -1 : no_engine(w, e);
	for (unsigned i = 0; r < 0 && i < count; i++) {
		if (i)
			git_work_say(w, "%s; trying %s", e->msg, tried[i].name);
		r = try_engine(w, &tried[i], specs, n, e);
		if (r < 0 && is_final(w))
			return -1;
		if (r < 0 && tried[i].update == git_program_update)
			told = *e;
	}
	if (r < 0 && told.code && w->fault == SOURCES_NETWORK)
		*e = told;
	return r;
}

/* What the refs did not reach, by its name. */
static int fetch_commit(struct git_work *w, struct err *e)
{
	static const bool tells[SOURCES_FAULTS] = {
		[SOURCES_AUTH] = true,
		[SOURCES_DISK] = true,
		[SOURCES_TIMEOUT] = true,
		[SOURCES_NETWORK] = true,
	};
	char text[3 * SHA1_HEX];
	struct refspec by_name;
	snprintf(text, sizeof text, "+%.40s:refs/commits/%.40s", w->r->sha, w->r->sha);
	if (refspec_parse(&by_name, text, e) < 0)
		return -1;
	int r = fetch_specs(w, &by_name, 1, e);
	if (r == 0 && git_mirror_has(w))
		return 0;
	if (r < 0 && tells[w->fault])
		return -1;
	bool damaged = r == 0 || w->fault == SOURCES_CORRUPT;
	w->fault = damaged && !w->fresh ? SOURCES_CORRUPT : SOURCES_NOT_FOUND;
	return err_set(e, ENOENT, "%s: commit %.40s is not on the server", w->r->url, w->r->sha);
}

/* For a server that gives no commit by its name: everything, and it may be in there. */
static int fetch_all(struct git_work *w, struct err *e)
{
	static const char *const texts[] = { "+refs/heads/*:refs/heads/*",
					     "+refs/tags/*:refs/tags/*" };
	struct refspec all[2];
	struct err told = *e;
	for (size_t i = 0; i < 2; i++)
		if (refspec_parse(&all[i], texts[i], e) < 0)
			return -1;
	err_clear(e);
	if (fetch_specs(w, all, 2, e) == 0 && git_mirror_has(w))
		return 0;
	*e = told;
	w->fault = SOURCES_NOT_FOUND;
	return -1;
}

/* By the name of a ref, not by that of the commit alone. */
static bool by_ref(const struct git_work *w)
{
	for (size_t i = 0; i < w->r->nrefspecs; i++)
		if (!w->specs[i].oid)
			return true;
	return false;
}

static int update(struct git_work *w, struct err *e)
{
	bool refs = by_ref(w);
	if (refs && fetch_specs(w, w->specs, w->r->nrefspecs, e) < 0)
		return -1;
	if (git_mirror_has(w) || fetch_commit(w, e) == 0)
		return 0;
	return refs || w->fault != SOURCES_NOT_FOUND ? -1 : fetch_all(w, e);
}

/* Which commit it is, where only a name is known. */
static int find(struct git_work *w, struct err *e)
{
	if (*w->r->sha)
		return 0;
	return fetch_specs(w, NULL, 0, e) < 0 ? -1 : git_listing_settle(w, &w->arena, e);
}

static int find_and_update(struct git_work *w, struct err *e)
{
	return find(w, e) < 0 ? -1 : update(w, e);
}

static int rebuild(struct git_work *w, const char *why, struct err *e)
{
	snprintf(w->result.note, sizeof w->result.note,
		 "The mirror of this repository was damaged (%.120s): it was set aside and fetched "
		 "anew.",
		 why);
	if (git_mirror_set_aside(w, e) < 0)
		return -1;
	return git_mirror_open(w, true, e);
}

/* A failure that a damaged mirror would explain. */
static bool is_damage(const struct git_work *w)
{
	return !w->fresh && (w->fault == SOURCES_CORRUPT || w->fault == SOURCES_INTERNAL);
}

/* A server that has just said that this is its commit was asked. */
static bool may_hit(const struct git_work *w)
{
	return (w->r->whose != FETCH_OTHERS || w->listed) && w->r->force == FETCH_NORMAL;
}

/* Open, rebuild when told to, fetch. */
static int bring_once(struct git_work *w, struct err *e)
{
	if (git_mirror_open(w, true, e) < 0)
		return -1;
	if (w->r->force == FETCH_REBUILD && !w->fresh &&
	    rebuild(w, "a checkout found objects missing", e) < 0)
		return -1;
	if (find(w, e) < 0)
		return -1;
	w->result.hit = may_hit(w) && git_mirror_hit(w);
	return w->result.hit ? 0 : update(w, e);
}

static int offline(struct git_work *w, struct err *e)
{
	struct err none = { 0 };
	if (git_mirror_open(w, false, &none) == 0 &&
	    (*w->r->sha || git_listing_recall(w, &none) == 0) && git_mirror_has(w)) {
		w->result.hit = true;
		w->fault = SOURCES_OK;
		return 0;
	}
	w->fault = SOURCES_NOT_FOUND;
	return err_set(e, ENOENT,
		       "%s: %s is not on this machine, and nobody is asked for it (offline)",
		       w->r->url, *w->r->sha ? w->r->sha : w->r->ref);
}

/* With the lock held: by now another fetcher may have brought what we came for. */
static int bring(struct git_work *w, struct err *e)
{
	if (w->r->force == FETCH_OFFLINE)
		return offline(w, e);
	int r = bring_once(w, e);
	if (r < 0 && is_damage(w)) {
		char why[128];
		snprintf(why, sizeof why, "%.120s", e->msg);
		r = rebuild(w, why, e) < 0 ? -1 : find_and_update(w, e);
	}
	if (r < 0)
		return -1;
	if (w->result.hit)
		return 0;
	if ((w->r->whose != FETCH_OWN || *w->r->ref) && git_listing_note(w, e) < 0)
		return -1;
	return git_mirror_asked(w, e);
}

/* For a job that is shown no mirror. */
static int put_store(struct git_work *w, struct err *e)
{
	w->fault = SOURCES_DISK;
	if (w->r->want == FETCH_TREE)
		w->result.store = git_export_file(w, e);
	else
		w->result.store = git_store_write(w->dir, e);
	return w->result.store < 0 ? -1 : 0;
}

static int fetch_locked(struct git_work *w, struct err *e)
{
	int r = git_mirror_lock(w, e);
	if (r == 0)
		r = bring(w, e);
	if (r == 0 && w->r->whose != FETCH_OWN)
		r = put_store(w, e);
	git_mirror_unlock(w);
	return r;
}

static int serve(struct git_work *w, struct err *e)
{
	struct err none = { 0 };
	w->fault = SOURCES_DISK;
	if (fchdir(w->dir) < 0)
		return err_sys(e, "mirror");
	w->result.hit = w->r->whose == FETCH_OWN && *w->r->sha && may_hit(w) &&
			git_mirror_open(w, false, &none) == 0 && git_mirror_hit(w);
	w->fault = SOURCES_OK;
	snprintf(w->result.engine, sizeof w->result.engine, "mirror");
	if (!w->result.hit) {
		git_mirror_close(w);
		if (fetch_locked(w, e) < 0)
			return -1;
	}
	if (w->r->sha != w->result.sha)
		snprintf(w->result.sha, FETCH_SHA, "%s", w->r->sha);
	w->result.refs = git_mirror_refs(w, e);
	return w->result.refs < 0 ? -1 : 0;
}

void git_fetch_serve(int sock, int dir, const struct fetch_request *r,
		     const struct fetch_settings *settings, struct fetch_watch *watch)
{
	struct err e = { 0 };
	struct fetch_request asked = *r;
	struct refspec *specs = calloc(r->nrefspecs + 1, sizeof *specs);
	struct git_work w = {
		.arena = ARENA(ARENA_BYTES),
		.r = &asked,
		.settings = settings,
		.specs = specs,
		.watch = watch,
		.sock = sock,
		.dir = dir,
		.lock = -1,
		.result = FETCH_RESULT,
	};
	int good = specs ? check(&w, &e) : err_set(&e, ENOMEM, "refspecs");
	if (good == 0)
		good = serve(&w, &e);
	if (good == 0) {
		automsg m;
		fetch_put_done(&m, &w.result);
		good = msg_send(sock, &m, &e);
	}
	if (good < 0)
		git_fetch_failed(sock, w.fault == SOURCES_OK ? SOURCES_INTERNAL : w.fault, e.msg);
	atomic_store(&watch->ended, 1);
	git_mirror_close(&w);
	fd_close(&w.result.refs);
	fd_close(&w.result.store);
	arena_done(&w.arena);
	free(specs);
}
