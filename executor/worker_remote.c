#include "executor/worker_remote.h"

#include "executor/refspec.h"
#include "executor/remote_url.h"
#include "executor/worker_sources.h"
#include "protocol/job_workflow.h"

#include <errno.h>
#include <string.h>

enum { ATTEMPTS = 3 };

/* What is to be fetched. */
struct order {
	struct job_sources from;
	struct sources_plan plan;
	enum fetch_whose whose;
	const char *root;
};

/* The server's own address has the operator's name for it here. */
static const char *url_of(struct worker *w, const struct uses *u, struct err *e)
{
	const struct job_workflow *flow = w->job->workflow;
	const char *base = *u->server ? u->server : flow->actions_url;
	if (strcmp(base, flow->server_url) == 0)
		base = worker_server_url(w);
	size_t n = strlen(base);
	while (n && base[n - 1] == '/')
		n--;
	if (n)
		return arena_printf(&w->arena, e, "%.*s/%s.git", (int)n, base, u->repository);
	err_set(e, EINVAL, "the server does not say where actions are");
	return NULL;
}

static bool is_taken(const struct worker *w, const char *root)
{
	for (const struct worker_remote *r = w->remotes; r; r = r->next)
		if (strcmp(r->root, root) == 0)
			return true;
	return false;
}

/* owner/name/ref, as GitHub's runner has it; another server's of the same name stands beside it. */
static const char *root_of(struct worker *w, const struct uses *u, struct err *e)
{
	char *ref = arena_strdup(&w->arena, u->ref, e);
	const char *root = NULL;
	for (char *s = ref ? strchr(ref, '/') : NULL; s; s = strchr(s, '/'))
		*s = '-';
	if (ref)
		root = arena_printf(&w->arena, e, "%s/%s/%s/%s", w->settings.builds_dir,
				    GATE_ACTIONS, u->repository, ref);
	for (unsigned n = 2; root && is_taken(w, root); n++)
		root = arena_printf(&w->arena, e, "%s/%s/%s/%s-%u", w->settings.builds_dir,
				    GATE_ACTIONS, u->repository, ref, n);
	return root;
}

static const struct worker_remote *known(const struct worker *w, const char *url, const char *ref)
{
	const struct worker_remote *r = w->remotes;
	while (r && (strcmp(r->url, url) != 0 || strcmp(r->ref, ref) != 0))
		r = r->next;
	return r;
}

static int code_of(enum sources_fault fault)
{
	static const int codes[SOURCES_FAULTS] = {
		[SOURCES_NETWORK] = EHOSTUNREACH,  [SOURCES_TIMEOUT] = EHOSTUNREACH,
		[SOURCES_PROTOCOL] = EHOSTUNREACH, [SOURCES_DISK] = EIO,
		[SOURCES_INTERNAL] = EIO,          [SOURCES_CORRUPT] = EIO,
		[SOURCES_CANCELLED] = ECANCELED,   [SOURCES_NOT_FOUND] = ENOENT,
	};
	return codes[fault] ? codes[fault] : EINVAL;
}

static void fill(struct worker *w, const struct uses *u, const char *url, struct order *o)
{
	const struct job_sources *own = &w->job->sources;
	bool ours = *own->url && remote_url_same_origin(own->url, url);
	bool sha = ref_is_sha1(u->ref, strlen(u->ref));
	o->whose = ours ? FETCH_OTHERS : FETCH_PUBLIC;
	o->from = (struct job_sources){
		.url = url,
		.user = own->user,
		.token = ours ? own->token : "",
		.ref = u->ref,
		.sha = sha ? u->ref : "",
		.before_sha = "",
		.object_format = "sha1",
	};
	o->plan = (struct sources_plan){
		.strategy = SOURCES_FILES,
		.attempts = ATTEMPTS,
		.hasty = true,
		.offline = !ours && w->settings.actions_offline,
		.clean = "",
		.warnings = "",
	};
}

static int get(struct worker *w, const struct order *o, char sha[FETCH_SHA], struct err *e)
{
	struct sources_job j = worker_sources_job(w);
	j.from = &o->from;
	j.plan = &o->plan;
	j.tree = o->root;
	j.whose = o->whose;
	enum phase before = w->charged;
	worker_account(w, PHASE_SOURCES);
	int r = sources_get(&j, e);
	worker_account(w, before);
	if (r < 0) {
		e->code = code_of(j.fault);
		return -1;
	}
	memcpy(sha, j.sha, FETCH_SHA);
	return 0;
}

/* Fetched for the first time in this job. */
static const struct worker_remote *add(struct worker *w, const struct uses *u, const char *url,
				       struct err *e)
{
	char sha[FETCH_SHA];
	struct order o = { .root = root_of(w, u, e) };
	struct worker_remote *r = o.root ? arena_new(&w->arena, struct worker_remote, e) : NULL;
	if (!r)
		return NULL;
	fill(w, u, url, &o);
	joblog_sayf(&w->log, SAY_PLAIN, "Download action repository '%s@%s'", u->repository,
		    u->ref);
	if (get(w, &o, sha, e) < 0)
		return NULL;
	joblog_sayf(&w->log, SAY_PLAIN, "Its commit is %s", sha);
	*r = (struct worker_remote){
		.dir = o.root,
		.root = o.root,
		.sha = arena_strdup(&w->arena, sha, e),
		.url = url,
		.ref = u->ref,
		.next = w->remotes,
	};
	if (!r->sha)
		return NULL;
	w->remotes = r;
	return r;
}

const struct worker_remote *worker_remote_get(struct worker *w, const struct uses *u, struct err *e)
{
	const char *url = url_of(w, u, e);
	if (!url || remote_url_check(url, e) < 0)
		return NULL;
	const struct worker_remote *r = known(w, url, u->ref);
	if (!r)
		r = add(w, u, url, e);
	if (!r || !*u->path)
		return r;
	struct worker_remote *below = arena_new(&w->arena, struct worker_remote, e);
	if (!below)
		return NULL;
	*below = *r;
	below->dir = arena_printf(&w->arena, e, "%s/%s", r->root, u->path);
	return below->dir ? below : NULL;
}
