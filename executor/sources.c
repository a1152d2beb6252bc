#include "executor/sources.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "executor/sources_modules.h"
#include "executor/sources_talk.h"

#include <stdio.h>

enum { FIRST_PAUSE_MS = 5000, LONGEST_PAUSE_MS = 300000 };

static int open_packer(struct sources_job *s, struct err *e)
{
	int sock = s->packer(s->arg, e);
	return sock < 0 ? sources_fail(s, SOURCES_INTERNAL) : sock;
}

static unsigned seconds_left(const struct sources_job *s)
{
	uint64_t now = clock_ms();
	if (!s->deadline_ms)
		return 0;
	return s->deadline_ms > now + 1000 ? (unsigned)((s->deadline_ms - now) / 1000) : 1;
}

static int fetch(struct sources_job *s, enum fetch_force force, struct fetch_result *ret,
		 struct err *e)
{
	const struct job_sources *from = s->from;
	const char *specs[FETCH_REFSPECS_MAX + 1];
	size_t n = from->nrefspecs;
	bool tags = s->plan->tags && n <= FETCH_REFSPECS_MAX;
	for (size_t i = 0; tags && i < n; i++)
		specs[i] = from->refspecs[i];
	if (tags)
		specs[n++] = "+refs/tags/*:refs/tags/*";
	struct fetch_request r = {
		.url = from->url,
		.user = from->user,
		.token = from->token,
		.sha = from->sha,
		.ref = *from->sha ? "" : from->ref,
		.object_format = from->object_format,
		.refspecs = tags ? specs : from->refspecs,
		.nrefspecs = n,
		.depth = s->plan->depth,
		.timeout_s = seconds_left(s),
		.want = s->plan->strategy == SOURCES_FILES ? FETCH_TREE : FETCH_STORE,
		.force = force,
		.whose = s->whose,
	};
	if (sources_fetch(s, &r, ret, e) < 0)
		return -1;
	s->hit = ret->hit;
	snprintf(s->sha, sizeof s->sha, "%s", *ret->sha ? ret->sha : from->sha);
	snprintf(s->ref, sizeof s->ref, "%s", *from->sha ? from->ref : ret->ref);
	return 0;
}

/* "main" of "refs/heads/main", if HEAD is to be on it; "" on none. */
static const char *branch_of(const struct sources_job *s)
{
	static const char heads[] = "refs/heads/";
	return s->on_branch && str_starts(s->ref, heads) ? s->ref + sizeof heads - 1 : "";
}

static bool keeps(const struct sources_job *s)
{
	return s->tree_kept && s->plan->strategy == SOURCES_FETCH;
}

static int check_out(struct sources_job *s, int packer, const struct fetch_result *got,
		     struct pack_result *ret, struct err *e)
{
	struct pack_checkout c = {
		.tree = s->tree,
		.parent = "",
		.name = "",
		.worktree = "",
		.alternates = s->whose == FETCH_OWN ? s->objects : "",
		.sha = s->sha,
		.url = s->from->url,
		.clean = s->plan->clean,
		.branch = branch_of(s),
		.include = s->include,
		.sparse = s->plan->sparse,
		.state = keeps(s) ? PACK_KEPT : PACK_FRESH,
		.files = s->plan->checkout,
		.modules = s->plan->modules != MODULES_NONE,
		.refs = got->refs,
		.store = got->store,
	};
	automsg m;
	pack_put_checkout(&m, &c);
	return sources_pack(s, packer, &m, ret, e);
}

static void say_checkout(struct sources_job *s)
{
	if (!keeps(s))
		sources_say(s, SAY_NOTICE, "Created fresh repository.");
	if (s->plan->checkout && *branch_of(s))
		sources_say(s, SAY_NOTICE, "Checking out %.8s as branch %s...", s->sha,
			    branch_of(s));
	else if (s->plan->checkout)
		sources_say(s, SAY_NOTICE, "Checking out %.8s as detached HEAD (ref is %s)...",
			    s->sha, *s->ref ? s->ref : s->from->ref);
	else
		sources_say(s, SAY_NOTICE, "Skipping Git checkout");
}

/* Fetch and check out; a damaged mirror is rebuilt once and used again. */
static int get_own(struct sources_job *s, int packer, struct pack_result *ret, struct err *e)
{
	for (enum fetch_force force = FETCH_NORMAL;; force = FETCH_REBUILD) {
		struct fetch_result got = FETCH_RESULT;
		if (fetch(s, force, &got, e) < 0)
			return -1;
		autofd refs = got.refs;
		if (force == FETCH_NORMAL)
			say_checkout(s);
		int r = check_out(s, packer, &got, ret, e);
		fd_close(&got.store);
		if (r == 0) {
			if (got.hit && s->offer)
				s->offer(s->arg, refs);
			return 0;
		}
		if (s->fault != SOURCES_CORRUPT || force == FETCH_REBUILD)
			return -1;
		sources_say(s, SAY_WARNING,
			    "Objects are missing or damaged (%s), fetching them anew.", e->msg);
		err_clear(e);
	}
}

static int get_modules(struct sources_job *s, int packer, int list, struct err *e)
{
	static const char *const lines[] = {
		[MODULES_NONE] = "Skipping Git submodules setup",
		[MODULES_NORMAL] = "Updating/initializing submodules...",
		[MODULES_RECURSIVE] = "Updating/initializing submodules recursively...",
	};
	struct sources_repo own = { ".git", "", s->from->url, 0 };
	sources_say(s, SAY_NOTICE, "%s", lines[s->plan->modules]);
	return list < 0 ? 0 : sources_modules_get(s, packer, &own, list, e);
}

static void say_fetch(struct sources_job *s)
{
	if (s->plan->depth)
		sources_say(s, SAY_NOTICE,
			    "Fetching changes with git depth set to %u (not needed: the history "
			    "is whole, from this runner's mirror)...",
			    s->plan->depth);
	else
		sources_say(s, SAY_NOTICE, "Fetching changes...");
}

/* The tree is on the machine. What is wrong with it is no fault of the job's: there is another way. */
static bool copied(struct sources_job *s)
{
	struct err e = { 0 };
	if (!s->copy)
		return false;
	if (s->copy(s->arg, &e) < 0) {
		sources_say(s, SAY_WARNING, "The tree on this machine cannot be used: %s", e.msg);
		s->copy = NULL;
		return false;
	}
	s->hit = true;
	snprintf(s->sha, sizeof s->sha, "%s", s->from->sha);
	snprintf(s->ref, sizeof s->ref, "%s", s->from->ref);
	say_fetch(s);
	say_checkout(s);
	sources_say(s, SAY_NOTICE, "Skipping Git submodules setup");
	return true;
}

static int get_files(struct sources_job *s, struct err *e)
{
	struct fetch_result got = FETCH_RESULT;
	automsg m;
	msg_init(&m, PACK_UNPACK);
	if (fetch(s, s->plan->offline ? FETCH_OFFLINE : FETCH_NORMAL, &got, e) < 0)
		return -1;
	fd_close(&got.refs);
	autofd packer = open_packer(s, e);
	msg_put_str(&m, s->tree);
	msg_put_fd(&m, got.store);
	int r = packer < 0 ? -1 : sources_pack(s, packer, &m, NULL, e);
	fd_close(&got.store);
	return r;
}

static int get_once(struct sources_job *s, struct err *e)
{
	struct pack_result packed = PACK_RESULT;
	if (s->plan->strategy == SOURCES_FILES)
		return get_files(s, e);
	if (copied(s))
		return 0;
	say_fetch(s);
	autofd packer = open_packer(s, e);
	if (packer < 0 || get_own(s, packer, &packed, e) < 0)
		return -1;
	autofd list = packed.modules;
	return get_modules(s, packer, list, e);
}

static bool hopeless(const struct sources_job *s)
{
	static const bool always[SOURCES_FAULTS] = {
		[SOURCES_CONFIG] = true,
		[SOURCES_HOSTILE] = true,
		[SOURCES_CANCELLED] = true,
	};
	static const bool passes[SOURCES_FAULTS] = {
		[SOURCES_NETWORK] = true,
		[SOURCES_TIMEOUT] = true,
		[SOURCES_PROTOCOL] = true,
	};
	return always[s->fault] || (s->plan->hasty && !passes[s->fault]);
}

static int get_repository(struct sources_job *s, struct err *e)
{
	uint64_t pause = FIRST_PAUSE_MS;
	for (unsigned i = 1;; i++) {
		if (get_once(s, e) == 0)
			return 0;
		bool out_of_time = s->deadline_ms && clock_ms() >= s->deadline_ms;
		if (i >= s->plan->attempts || hopeless(s) || out_of_time)
			return -1;
		sources_say(s, SAY_WARNING, "%s: %s", sources_fault_name(s->fault), e->msg);
		sources_say(s, SAY_WARNING, "Retrying in %u s (attempt %u of %u)...",
			    (unsigned)(pause / 1000), i + 1, s->plan->attempts);
		err_clear(e);
		if (sources_pause(s, pause, e) < 0)
			return -1;
		sources_say(s, SAY_PLAIN,
			    "Deleting all tracked and untracked files due to source "
			    "fetch failure");
		s->tree_kept = false;
		pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
	}
}

static void say_skipped(struct sources_job *s)
{
	sources_say(s, SAY_NOTICE, "Skipping Git checkout");
	sources_say(s, SAY_NOTICE, "Skipping Git submodules setup");
}

static int get_none(struct sources_job *s, struct err *e)
{
	(void)e;
	sources_say(s, SAY_NOTICE, "Skipping Git repository setup");
	say_skipped(s);
	return 0;
}

/* Everything at path goes, from within. verb: PACK_CLEAR makes it anew. */
static int wipe(struct sources_job *s, enum pack_type verb, struct err *e)
{
	autofd packer = open_packer(s, e);
	if (packer < 0)
		return -1;
	automsg m;
	msg_init(&m, verb);
	msg_put_str(&m, s->tree);
	if (verb == PACK_CLEAR)
		msg_put_u32(&m, 0755);
	return sources_pack(s, packer, &m, NULL, e);
}

static int get_empty(struct sources_job *s, struct err *e)
{
	sources_say(s, SAY_NOTICE,
		    "Skipping Git repository setup and creating an empty build directory");
	if (wipe(s, PACK_CLEAR, e) < 0)
		return -1;
	say_skipped(s);
	return 0;
}

int sources_get(struct sources_job *s, struct err *e)
{
	static int (*const by_strategy[])(struct sources_job *, struct err *) = {
		[SOURCES_FETCH] = get_repository, [SOURCES_CLONE] = get_repository,
		[SOURCES_NONE] = get_none,        [SOURCES_EMPTY] = get_empty,
		[SOURCES_FILES] = get_repository,
	};
	s->fault = SOURCES_OK;
	s->hit = false;
	s->requests = 0;
	if (by_strategy[s->plan->strategy](s, e) == 0) {
		s->fault = SOURCES_OK;
		return 0;
	}
	struct err why = *e;
	const char *advice = sources_fault_advice(s->fault);
	if (s->fault == SOURCES_CANCELLED)
		return -1;
	return err_set(e, why.code, "%.280s (%s). %.160s", why.msg, sources_fault_name(s->fault),
		       advice);
}

int sources_remove(struct sources_job *s, struct err *e)
{
	return wipe(s, PACK_REMOVE, e);
}
