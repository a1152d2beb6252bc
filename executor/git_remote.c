/* The engine that is always there: libgit2 in this process. */
#include "executor/git_lib.h"
#include "executor/git_listing.h"
#include "executor/git_mirror.h"

#include "base/str.h"

#include <git2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { SPEC_TEXT = 2 * REF_NAME_MAX + 8, FDS_SEEN = 64, SAY_EVERY = 4096 };

struct conversation {
	struct git_work *w;
	git_remote *remote;
	unsigned asked; /* for credentials */
	bool too_big;
	const git_remote_head **heads;
	size_t nheads;
};

/* The port that url names or its scheme implies. */
static unsigned url_port(const char *url)
{
	const char *at = strstr(url, "://");
	at = at ? at + 3 : url;
	size_t n = strcspn(at, "/");
	const char *colon = memrchr(at, ':', n);
	if (colon && !memchr(colon, ']', n - (size_t)(colon - at)))
		return (unsigned)strtoul(colon + 1, NULL, 10);
	return strncasecmp(url, "https", 5) == 0 ? 443 : 80;
}

/* libgit2 keeps a redirect on the host but not on the port: what we are connected to tells. */
static bool other_port(unsigned port)
{
	for (int fd = 0; fd < FDS_SEEN; fd++) {
		struct sockaddr_storage a = { 0 };
		socklen_t n = sizeof a;
		if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
			continue;
		in_port_t at = port ? htons((uint16_t)port) : 0;
		if (a.ss_family == AF_INET)
			at = ((struct sockaddr_in *)&a)->sin_port;
		else if (a.ss_family == AF_INET6)
			at = ((struct sockaddr_in6 *)&a)->sin6_port;
		if (ntohs(at) != port)
			return true;
	}
	return false;
}

static int credentials(git_credential **out, const char *url, const char *user, unsigned types,
		       void *arg)
{
	struct conversation *c = arg;
	const struct fetch_request *r = c->w->r;
	(void)user;
	(void)url; /* changes with a redirect: the request's is what counts */
	if (c->asked++ || !*r->token || !(types & GIT_CREDENTIAL_USERPASS_PLAINTEXT)) {
		git_error_set_str(GIT_ERROR_HTTP, "the server refused the token");
		return GIT_EAUTH;
	}
	if (other_port(url_port(r->url))) {
		git_error_set_str(GIT_ERROR_NET, "redirect to another port refused");
		return GIT_EUSER;
	}
	return git_credential_userpass_plaintext_new(out, r->user, r->token);
}

static int sideband(const char *text, int n, void *arg)
{
	(void)text;
	(void)n;
	git_work_moved(((struct conversation *)arg)->w);
	return 0;
}

static int transfer(const git_indexer_progress *p, void *arg)
{
	struct conversation *c = arg;
	git_work_moved(c->w);
	c->w->result.bytes = p->received_bytes;
	c->too_big = p->received_bytes > c->w->settings->max_bytes;
	if (c->too_big)
		git_error_set_str(GIT_ERROR_NET, "File too large: the pack is over max_bytes");
	return c->too_big ? GIT_EUSER : 0;
}

static int fail(struct git_work *w, int r, struct err *e, const char *what)
{
	w->fault = git_lib_error(r, e, what);
	return -1;
}

static void set_options(struct conversation *c, git_fetch_options *o)
{
	git_fetch_options_init(o, GIT_FETCH_OPTIONS_VERSION);
	o->callbacks.credentials = credentials;
	o->callbacks.sideband_progress = sideband;
	o->callbacks.transfer_progress = transfer;
	o->callbacks.payload = c;
	o->download_tags = GIT_REMOTE_DOWNLOAD_TAGS_AUTO;
	o->follow_redirects = GIT_REMOTE_REDIRECT_NONE; /* on the same host they are followed */
	o->proxy_opts.type = GIT_PROXY_NONE; /* those go by the git program: it has no_proxy too */
}

static int connect_to(struct conversation *c, const git_fetch_options *o, struct err *e)
{
	git_remote_connect_options co;
	git_remote_connect_options_init(&co, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	co.callbacks = o->callbacks;
	co.proxy_opts = o->proxy_opts;
	co.follow_redirects = o->follow_redirects;
	int r = git_remote_create_anonymous(&c->remote, c->w->repo, c->w->r->url);
	if (r == 0)
		r = git_remote_connect_ext(c->remote, GIT_DIRECTION_FETCH, &co);
	if (r < 0)
		return fail(c->w, r, e, c->w->r->url);
	c->w->result.requests++;
	r = git_remote_ls(&c->heads, &c->nheads, c->remote);
	return r < 0 ? fail(c->w, r, e, c->w->r->url) : 0;
}

/* The operator's certificates. */
static int trust(struct git_work *w, struct err *e)
{
	if (!str_starts(w->r->url, "https:") || !*w->settings->ca ||
	    git_lib_certificates(w->settings->ca, e) == 0)
		return 0;
	w->fault = SOURCES_NETWORK;
	return -1;
}

static const struct refspec *spec_of(const struct refspec *specs, size_t n, const char *name)
{
	if (str_ends(name, "^{}"))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (refspec_matches(&specs[i], name))
			return &specs[i];
	return NULL;
}

static bool missing(struct git_work *w, const git_oid *oid)
{
	git_odb *odb = NULL;
	bool there = git_repository_odb(&odb, w->repo) == 0 && git_odb_exists(odb, oid);
	git_odb_free(odb);
	return !there;
}

/* Whether anything that specs name is not in the mirror. */
static bool wants(struct conversation *c, const struct refspec *specs, size_t n)
{
	for (size_t i = 0; i < c->nheads; i++)
		if (spec_of(specs, n, c->heads[i]->name) && missing(c->w, &c->heads[i]->oid))
			return true;
	for (size_t i = 0; i < n; i++) {
		git_oid oid;
		if (specs[i].oid && git_oid_fromstr(&oid, specs[i].src) == 0 && missing(c->w, &oid))
			return true;
	}
	git_error_clear();
	return false;
}

/* A refspec as libgit2 gets it: the server's name to the same name. */
static char *spec_text(const struct refspec *s)
{
	char text[SPEC_TEXT];
	if (s->oid)
		snprintf(text, sizeof text, "+%.40s:refs/commits/%.40s", s->src, s->src);
	else
		snprintf(text, sizeof text, "+%.*s%s:%.*s%s", (int)s->nsrc, s->src,
			 s->glob ? "*" : "", (int)s->nsrc, s->src, s->glob ? "*" : "");
	return strdup(text);
}

int git_remote_ask(struct git_work *w, struct err *e)
{
	struct conversation c = { .w = w };
	git_fetch_options o;
	char hex[SHA1_HEX + 1];
	set_options(&c, &o);
	int r = trust(w, e) < 0 ? -1 : connect_to(&c, &o, e);
	for (size_t i = 0; r == 0 && i < c.nheads; i++) {
		const git_remote_head *h = c.heads[i];
		git_oid_tostr(hex, sizeof hex, &h->oid);
		git_listing_take(w, h->name, hex);
		if (strcmp(h->name, "HEAD") == 0 && h->symref_target)
			snprintf(w->listing.head, FETCH_REF, "%s", h->symref_target);
	}
	git_remote_free(c.remote);
	return r;
}

static int download(struct conversation *c, const git_fetch_options *o, const struct refspec *specs,
		    size_t n, struct err *e)
{
	git_strarray texts = { calloc(n + 1, sizeof(char *)), n };
	bool good = texts.strings != NULL;
	for (size_t i = 0; good && i < n; i++)
		good = (texts.strings[i] = spec_text(&specs[i])) != NULL;
	int r = good ? git_remote_download(c->remote, &texts, o) : -1;
	c->w->result.requests++;
	if (r < 0)
		fail(c->w, r, e, c->w->r->url);
	for (size_t i = 0; texts.strings && i < n; i++)
		free(texts.strings[i]);
	free(texts.strings);
	return r < 0 ? -1 : 0;
}

static int set_oid(struct git_work *w, const char *name, const git_oid *oid, struct err *e)
{
	char hex[SHA1_HEX + 1];
	git_oid_tostr(hex, sizeof hex, oid);
	if (git_mirror_set(w, name, hex, e) == 0)
		return 0;
	w->fault = SOURCES_CORRUPT;
	return -1;
}

/* Refs of a pattern that the server no longer has. */
static void prune(struct conversation *c, const struct refspec *s)
{
	char glob[REF_NAME_MAX + 2];
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	snprintf(glob, sizeof glob, "%.*s*", (int)s->nsrc, s->src);
	if (git_reference_iterator_glob_new(&it, c->w->repo, glob) < 0)
		return;
	while (git_reference_next(&ref, it) == 0) {
		size_t i = 0;
		while (i < c->nheads && strcmp(c->heads[i]->name, git_reference_name(ref)) != 0)
			i++;
		if (i == c->nheads)
			git_reference_delete(ref);
		git_reference_free(ref);
	}
	git_reference_iterator_free(it);
}

/* One ref of the server: one that was asked for, or a tag whose object came along. */
static int update_head(struct conversation *c, const git_remote_head *h, bool asked, struct err *e)
{
	bool tag = str_starts(h->name, "refs/tags/") && !str_ends(h->name, "^{}");
	if (!ref_name_ok(h->name, strlen(h->name)))
		return 0;
	return asked || (tag && !missing(c->w, &h->oid)) ? set_oid(c->w, h->name, &h->oid, e) : 0;
}

static int update_oid(struct conversation *c, const struct refspec *s, struct err *e)
{
	char name[SHA1_HEX + 32];
	git_oid oid;
	if (git_oid_fromstr(&oid, s->src) < 0 || missing(c->w, &oid))
		return 0;
	snprintf(name, sizeof name, "refs/commits/%.40s", s->src);
	return set_oid(c->w, name, &oid, e);
}

/* The mirror's refs as the server's are. */
static int update(struct conversation *c, const struct refspec *specs, size_t n, struct err *e)
{
	int r = 0;
	for (size_t i = 0; i < n; i++)
		if (specs[i].glob)
			prune(c, &specs[i]);
	for (size_t i = 0; r == 0 && i < c->nheads; i++)
		r = update_head(c, c->heads[i], spec_of(specs, n, c->heads[i]->name) != NULL, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (specs[i].oid)
			r = update_oid(c, &specs[i], e);
	return r;
}

int git_remote_update(struct git_work *w, const struct refspec *specs, size_t n, struct err *e)
{
	struct conversation c = { .w = w };
	git_fetch_options o;
	set_options(&c, &o);
	snprintf(w->result.engine, sizeof w->result.engine, "%s", git_lib_name());
	int r = trust(w, e) < 0 ? -1 : connect_to(&c, &o, e);
	if (r == 0 && wants(&c, specs, n))
		r = download(&c, &o, specs, n, e);
	if (r == 0)
		r = update(&c, specs, n, e);
	git_remote_free(c.remote);
	if (r < 0 && c.too_big)
		w->fault = SOURCES_PROTOCOL;
	return r;
}
