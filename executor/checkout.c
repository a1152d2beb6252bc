#include "executor/checkout.h"

#include "base/str.h"
#include "executor/expr_number.h"
#include "executor/refspec.h"
#include "executor/remote_url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ATTEMPTS = 3, DEPTH_MAX = 1 << 30, SHA256_HEX = 64, WARNINGS_MAX = 16 << 10, SPECS = 4 };

enum input {
	REPOSITORY,
	REF,
	TOKEN,
	PATH,
	CLEAN,
	DEPTH,
	TAGS,
	MODULES,
	PERSIST,
	SERVER,
	LFS,
	SPARSE,
	CONE,
	SSH_KEY,
	FILTER,
	INPUTS,
};

static const char *const names[INPUTS] = {
	[REPOSITORY] = "repository",
	[REF] = "ref",
	[TOKEN] = "token",
	[PATH] = "path",
	[CLEAN] = "clean",
	[DEPTH] = "fetch-depth",
	[TAGS] = "fetch-tags",
	[MODULES] = "submodules",
	[PERSIST] = "persist-credentials",
	[SERVER] = "github-server-url",
	[LFS] = "lfs",
	[SPARSE] = "sparse-checkout",
	[CONE] = "sparse-checkout-cone-mode",
	[SSH_KEY] = "ssh-key",
	[FILTER] = "filter",
};

/* What has nothing to do here: there is no ssh, nothing shows progress, and the tree is the job's own. */
static const char *const idle[] = { "show-progress", "set-safe-directory", "ssh-known-hosts",
				    "ssh-strict", "ssh-user" };

/* A reading under way: the inputs as they were given, NULL where they were not. */
struct reading {
	const struct checkout_job *job;
	const char *v[INPUTS];
	struct arena *a;
	struct checkout *c;
	struct buf warnings;
};

static bool is_given(const struct reading *r, enum input i)
{
	return r->v[i] && *r->v[i];
}

/* As the action reads them: anything else is false. */
static bool flag(const struct reading *r, enum input i, bool standard)
{
	return is_given(r, i) ? strcasecmp(r->v[i], "true") == 0 : standard;
}

/* --- which there are ------------------------------------------------------------------------------ */

static int index_of(const char *name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
		if (strcasecmp(list[i], name) == 0)
			return i;
	return -1;
}

static int take_input(struct reading *r, const struct checkout_input *in, struct err *e)
{
	enum { IDLE = sizeof idle / sizeof *idle };
	int i = index_of(in->name, names, INPUTS);
	if (i >= 0)
		r->v[i] = in->value;
	else if (index_of(in->name, idle, IDLE) < 0)
		return buf_printf(&r->warnings, e,
				  "Unexpected input \"%.100s\": it has no effect\n", in->name);
	return 0;
}

struct refusal {
	enum input input;
	bool when_true; /* else whenever it is given */
	const char *why;
};

static const struct refusal refusals[] = {
	{ LFS, true,
	  "lfs: files of Git LFS are not supported yet; without it their pointers are checked out" },
	{ SSH_KEY, false, "ssh-key: sources come over HTTP only; use token in its place" },
};

static int refuse(const struct reading *r, struct err *e)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const struct refusal *f = &refusals[i];
		if (f->when_true ? flag(r, f->input, false) : is_given(r, f->input))
			return err_set(e, EOPNOTSUPP, "actions/checkout: %s", f->why);
	}
	if (is_given(r, SPARSE) && (!flag(r, CONE, true) || strpbrk(r->v[SPARSE], "*?[\\!")))
		return err_set(e, EOPNOTSUPP,
			       "actions/checkout: sparse-checkout takes directories only (cone "
			       "mode); patterns are not supported yet");
	return 0;
}

/* --- where from ----------------------------------------------------------------------------------- */

static bool repository_ok(const char *s)
{
	const char *slash = strchr(s, '/');
	return slash && slash > s && slash[1] && !strchr(slash + 1, '/') && !strchr(s, '@') &&
	       str_is_printable(s, strlen(s));
}

static int take_url(struct reading *r, struct err *e)
{
	const struct checkout_job *job = r->job;
	const char *name = is_given(r, REPOSITORY) ? r->v[REPOSITORY] : job->repository;
	const char *base = is_given(r, SERVER) ? r->v[SERVER] : job->server_url;
	struct job_sources *from = &r->c->from;
	size_t n = strlen(base);
	if (!repository_ok(name))
		return err_set(e, EINVAL, "repository: \"%.100s\" is not of the form owner/name",
			       name);
	while (n && base[n - 1] == '/')
		n--;
	bool own = !is_given(r, SERVER) && strcasecmp(name, job->repository) == 0;
	from->url = own ? job->own->url : arena_printf(r->a, e, "%.*s/%s.git", (int)n, base, name);
	if (!from->url)
		return -1;
	r->c->whose = strcmp(from->url, job->own->url) == 0 ? FETCH_OWN : FETCH_OTHERS;
	return remote_url_check(from->url, e);
}

/* The job's token is for its own server; one that is given goes where the step says. */
static void take_token(struct reading *r)
{
	struct job_sources *from = &r->c->from;
	const struct job_sources *own = r->job->own;
	from->user = own->user;
	from->token = r->v[TOKEN]                                   ? r->v[TOKEN]
		      : remote_url_same_origin(own->url, from->url) ? own->token
								    : "";
	if (!*from->token && r->c->whose != FETCH_OWN)
		r->c->whose = FETCH_PUBLIC;
}

/* --- which commit --------------------------------------------------------------------------------- */

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int own_commit(struct reading *r, struct err *e)
{
	const struct job_sources *own = r->job->own;
	struct job_sources *from = &r->c->from;
	bool whole = !*own->ref || str_starts(own->ref, "refs/");
	from->sha = own->sha;
	from->object_format = own->object_format;
	from->ref = whole ? own->ref : arena_printf(r->a, e, "refs/heads/%s", own->ref);
	return from->ref ? 0 : -1;
}

static int take_commit(struct reading *r, struct err *e)
{
	struct job_sources *from = &r->c->from;
	const char *ref = is_given(r, REF) ? r->v[REF] : "HEAD";
	from->object_format = "sha1";
	from->ref = ref;
	from->sha = "";
	if (!is_given(r, REF) && r->c->whose == FETCH_OWN)
		return own_commit(r, e);
	if (is_hex(ref, SHA1_HEX) || is_hex(ref, SHA256_HEX))
		from->sha = ref;
	if (is_hex(ref, SHA256_HEX))
		from->object_format = "sha256";
	return 0;
}

/* Where a clone has what the server calls ref. */
static const char *local_name(struct reading *r, const char *ref, struct err *e)
{
	static const char heads[] = "refs/heads/", tags[] = "refs/tags/";
	if (str_starts(ref, tags))
		return ref;
	if (str_starts(ref, heads))
		return arena_printf(r->a, e, "refs/remotes/origin/%s", ref + sizeof heads - 1);
	return arena_printf(r->a, e, "refs/remotes/%s", ref + strlen("refs/"));
}

/* A branch is where the commit is, whatever the server has there by now. */
static int name_spec(struct reading *r, const char **ret, struct err *e)
{
	const struct job_sources *from = &r->c->from;
	const char *local = local_name(r, from->ref, e);
	bool branch = str_starts(from->ref, "refs/heads/");
	*ret = local ? arena_printf(r->a, e, "+%s:%s", branch ? from->sha : from->ref, local)
		     : NULL;
	return *ret ? 0 : -1;
}

static int take_specs(struct reading *r, struct err *e)
{
	struct job_sources *from = &r->c->from;
	const char **specs = arena_array(r->a, SPECS, sizeof *specs, e);
	bool all = r->c->plan.depth == 0;
	bool branch = str_starts(from->ref, "refs/heads/"),
	     tag = str_starts(from->ref, "refs/tags/");
	bool named = *from->sha && str_starts(from->ref, "refs/");
	size_t n = 0;
	if (!specs)
		return -1;
	if (all) {
		specs[n++] = "+refs/heads/*:refs/remotes/origin/*";
		specs[n++] = "+refs/tags/*:refs/tags/*";
	}
	if (named && !(all && (branch || tag)) && name_spec(r, &specs[n++], e) < 0)
		return -1;
	from->refspecs = specs;
	from->nrefspecs = n;
	return 0;
}

/* --- where to, and how ---------------------------------------------------------------------------- */

/* path in the workspace, where it names its place in the sandbox. NULL: it is elsewhere. */
static const char *inside(const char *path, const char *top)
{
	size_t n = strlen(top);
	if (strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n]))
		return path + n + (path[n] == '/');
	return *path == '/' ? NULL : path;
}

/* A part of a path behind what is there, "." left out. NULL with e set: no memory, or "..". */
static const char *add_part(struct reading *r, const char *path, const char *part, size_t n,
			    struct err *e)
{
	if (n == 0 || (n == 1 && *part == '.'))
		return path;
	if (n != 2 || memcmp(part, "..", 2) != 0)
		return arena_printf(r->a, e, "%s/%.*s", path, (int)n, part);
	err_set(e, EINVAL, "path: \"%.200s\" is not below %s", r->v[PATH], r->job->workspace);
	return NULL;
}

static int take_path(struct reading *r, struct err *e)
{
	const char *top = r->job->workspace, *path = is_given(r, PATH) ? r->v[PATH] : "";
	const char *s = inside(path, top);
	if (!s)
		return err_set(e, EINVAL, "path: \"%.200s\" is not below %s", path, top);
	r->c->tree = top;
	while (*s && r->c->tree) {
		size_t n = strcspn(s, "/");
		r->c->tree = add_part(r, r->c->tree, s, n, e);
		s += n + (s[n] == '/');
	}
	return r->c->tree ? 0 : -1;
}

static unsigned depth_of(const struct reading *r)
{
	const char *s = is_given(r, DEPTH) ? r->v[DEPTH] : "1";
	double d = expr_number_parse(s, strlen(s));
	return d >= 1 && d <= DEPTH_MAX ? (unsigned)d : 0;
}

static void take_plan(struct reading *r)
{
	bool clean = flag(r, CLEAN, true);
	const char *modules = is_given(r, MODULES) ? r->v[MODULES] : "";
	r->c->plan = (struct sources_plan){
		.strategy = SOURCES_FETCH,
		.modules = strcasecmp(modules, "recursive") == 0 ? MODULES_RECURSIVE
			   : strcasecmp(modules, "true") == 0    ? MODULES_NORMAL
								 : MODULES_NONE,
		.checkout = true,
		.kept = !clean,
		.force_https = true,
		.attempts = ATTEMPTS,
		.hasty = true,
		.tags = flag(r, TAGS, false),
		.depth = depth_of(r),
		.sparse = is_given(r, SPARSE) ? r->v[SPARSE] : NULL,
		.clean = clean ? "" : "none",
		.warnings = "",
	};
	r->c->says_persist = is_given(r, PERSIST);
	r->c->keep_token = flag(r, PERSIST, false);
}

static int read_all(struct reading *r, struct err *e)
{
	take_plan(r);
	if (refuse(r, e) < 0 || take_url(r, e) < 0)
		return -1;
	take_token(r);
	if (take_commit(r, e) < 0 || take_specs(r, e) < 0 || take_path(r, e) < 0)
		return -1;
	if (is_given(r, FILTER) &&
	    buf_str(&r->warnings, "filter is not applied: sources come from this runner's mirror\n",
		    e) < 0)
		return -1;
	r->c->warnings = arena_strdup(r->a, buf_cstr(&r->warnings), e);
	return r->c->warnings ? 0 : -1;
}

int checkout_read(const struct checkout_job *job, struct arena *a, struct checkout *ret,
		  struct err *e)
{
	struct reading r = { .job = job, .a = a, .c = ret, .warnings = BUF(WARNINGS_MAX) };
	int good = 0;
	*ret = (struct checkout){ .from = { .before_sha = "", .by_step = true } };
	for (size_t i = 0; good == 0 && i < job->ninputs; i++)
		good = take_input(&r, &job->inputs[i], e);
	if (good == 0)
		good = read_all(&r, e);
	buf_done(&r.warnings);
	return good;
}
