/* Caches: restored before the steps, saved behind them. Whatever goes wrong with one is a warning. */
#include "base/clock.h"
#include "base/fd.h"
#include "executor/parcel.h"
#include "executor/storer.h"
#include "executor/worker_files.h"
#include "executor/worker_roles.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 8 << 10, OLDER_S = 10 };

struct caching {
	struct worker *w;
	struct worker_roles *roles;
	const struct job_cache *c;
	struct worker_heard heard;
	int *stamps; /* of this cache */
};

static void warn(struct caching *k, const char *what, const struct err *e)
{
	joblog_sayf(&k->w->log, SAY_WARNING, "WARNING: %s: %s", what, e->msg);
	worker_roles_done(k->roles); /* whatever they were at, the next begins anew */
}

/* --- keys and policies -------------------------------------------------------------------------- */

/* '\\' is '/', escaped dots and slashes are what they stand for. */
static void decode_key(const char *text, char *out)
{
	for (; *text; text++) {
		bool slash = strncasecmp(text, "%2f", 3) == 0,
		     dot = strncasecmp(text, "%2e", 3) == 0;
		*out++ = slash || *text == '\\' ? '/' : dot ? '.' : *text;
		text += slash || dot ? 2 : 0;
	}
	*out = '\0';
}

/* A key as gitlab-runner would use it: ".." goes no higher than the top, no space at the end. */
static const char *clean_key(struct worker *w, const char *text, struct err *e)
{
	char from[KEY_BYTES], to[KEY_BYTES] = "", *rest = NULL;
	size_t len = 0;
	if (strlen(text) >= sizeof from) {
		err_set(e, E2BIG, "a cache key of more than %d bytes", KEY_BYTES);
		return NULL;
	}
	decode_key(text, from);
	for (char *part = strtok_r(from, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		char *up = strrchr(to, '/');
		if (strcmp(part, "..") == 0)
			len = up ? (size_t)(up - to) : 0;
		else if (strcmp(part, ".") != 0)
			len += (size_t)snprintf(to + len, sizeof to - len, "%s%s", len ? "/" : "",
						part);
		to[len] = '\0';
	}
	while (len && to[len - 1] == ' ')
		to[--len] = '\0';
	return arena_strndup(&w->arena, to, len, e);
}

static const char *expanded_key(struct worker *w, const char *text, struct err *e)
{
	const char *full = vars_expand(w->vars, &w->arena, text, e);
	const char *key = full ? clean_key(w, full, e) : NULL;
	if (key && strcmp(full, key) != 0)
		joblog_sayf(&w->log, SAY_WARNING, "WARNING: cache key \"%s\" sanitized to \"%s\"",
			    full, key);
	return key;
}

/* "job/ref" when the job names none. */
static const char *key_of(struct worker *w, const struct job_cache *c, struct err *e)
{
	if (c->key[0])
		return expanded_key(w, c->key, e);
	const char *both = arena_printf(&w->arena, e, "%s/%s", w->job->name, w->job->sources.ref);
	return both ? clean_key(w, both, e) : NULL;
}

struct policy {
	const char *name;
	bool pull, push;
};

static const struct policy policies[] = {
	{ "", true, true },
	{ "pull-push", true, true },
	{ "pull", true, false },
	{ "push", false, true },
};

/* NULL: said, and nothing is done. */
static const struct policy *policy_of(struct worker *w, const struct job_cache *c)
{
	struct err e = { 0 };
	const char *name = vars_expand(w->vars, &w->arena, c->policy, &e);
	for (size_t i = 0; name && i < sizeof policies / sizeof *policies; i++)
		if (strcmp(policies[i].name, name) == 0)
			return &policies[i];
	joblog_sayf(&w->log, SAY_WARNING,
		    "WARNING: unknown cache policy \"%s\": the cache is not used",
		    name ? name : "");
	return NULL;
}

/* --- the storer --------------------------------------------------------------------------------- */

/* fd -1: none goes along. */
static int tell_storer(struct caching *k, uint32_t type, const char *key, int fd, struct err *e)
{
	automsg m;
	int sock = worker_storer(k->w, k->roles, e);
	if (sock < 0)
		return -1;
	msg_init(&m, type);
	msg_put_str(&m, key);
	if (fd >= 0)
		msg_put_fd(&m, fd);
	return msg_send(sock, &m, e);
}

/* Whether it was found; -1 failed. ret (files, bytes, fresh as size). */
static int hear_storer(struct caching *k, struct archiver_result *ret, struct err *e)
{
	automsg m;
	if (worker_hear(k->w, k->roles->storer, "storer", &m, e) < 0)
		return -1;
	if (m.type == STORER_FAILED) {
		const char *text = msg_get_str(&m);
		return msg_end(&m, e) < 0 ? -1 : err_set(e, EIO, "%s", text);
	}
	uint32_t found = msg_get_u32(&m);
	ret->files = msg_get_u64(&m);
	ret->bytes = msg_get_u64(&m);
	ret->size = msg_get_u64(&m);
	if (m.type != STORER_DONE || msg_end(&m, e) < 0)
		return err_set(e, EPROTO, "storer: message %u", m.type);
	return found != 0;
}

/* The wider, the fewer changes between the two that work; as it is is good enough. */
static int wide_pipe(int ret[2], struct err *e)
{
	enum { WIDE = 1 << 20 };
	if (pipe2(ret, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	(void)fcntl(ret[1], F_SETPIPE_SZ, WIDE);
	return 0;
}

/* --- restoring ---------------------------------------------------------------------------------- */

static int start_restoring(struct caching *k, int stream, struct err *e)
{
	automsg m;
	uint64_t begun = clock_wall_us() / 1000000 - (clock_ms() - k->w->started_ms) / 1000;
	int sock = worker_archiver(k->w, k->roles, e);
	if (sock < 0)
		return -1;
	msg_init(&m, ARCHIVER_RESTORE);
	msg_put_str(&m, k->w->project_dir);
	msg_put_u64(&m, begun - OLDER_S);
	msg_put_fd(&m, stream);
	return msg_send(sock, &m, e);
}

/* Both at once; the store's word on what was wrong is the better one. */
static int move(struct caching *k, const char *key, struct err *e)
{
	int pipe[2];
	struct archiver_result stored;
	if (wide_pipe(pipe, e) < 0)
		return -1;
	autofd out = pipe[0];
	autofd in = pipe[1];
	if (start_restoring(k, out, e) < 0 || tell_storer(k, STORER_LOAD, key, in, e) < 0)
		return -1;
	fd_close(&out);
	fd_close(&in);
	struct err tree = { 0 };
	int r = worker_hear_archiver(k->w, k->roles->archiver, &k->heard, &tree);
	int given = tree.code == ECANCELED ? 0 : hear_storer(k, &stored, e);
	if (given < 0 && (r >= 0 || k->heard.fault == SOURCES_CANCELLED))
		return -1;
	if (r < 0)
		*e = tree;
	return r;
}

/* 1 it is there now, 0 there is none. */
static int try_key(struct caching *k, const char *key, struct err *e)
{
	struct archiver_result nothing;
	joblog_sayf(&k->w->log, SAY_PLAIN, "Checking cache for %s...", key);
	if (tell_storer(k, STORER_HAS, key, -1, e) < 0)
		return -1;
	int found = hear_storer(k, &nothing, e);
	if (found <= 0)
		return found;
	return move(k, key, e) < 0 ? -1 : 1;
}

static bool restore_key(struct caching *k, const char *key)
{
	struct err e = { 0 };
	int r = try_key(k, key, &e);
	if (r < 0)
		warn(k, "Failed to extract cache", &e);
	else if (r == 0)
		joblog_say(&k->w->log, SAY_WARNING,
			   "WARNING: no cache of this key; failed to extract cache");
	else
		joblog_sayf(&k->w->log, SAY_PLAIN,
			    "Successfully extracted cache (%llu files, %llu bytes)",
			    (unsigned long long)k->heard.result.files,
			    (unsigned long long)k->heard.result.bytes);
	return r > 0;
}

/* The operator's or project's last resort; what is protected is not for everybody. */
static const char *last_resort(struct worker *w, struct err *e)
{
	const char *text = vars_get(w->vars, "CACHE_FALLBACK_KEY");
	size_t n = strlen(text);
	if (n >= 10 && strcmp(text + n - 10, "-protected") == 0) {
		joblog_sayf(
			&w->log, SAY_WARNING,
			"WARNING: CACHE_FALLBACK_KEY \"%s\" is not allowed to end in -protected",
			text);
		return NULL;
	}
	return n ? expanded_key(w, text, e) : NULL;
}

/* The keys that will do instead. */
static void restore_other(struct caching *k)
{
	struct err e = { 0 };
	bool done = false;
	for (size_t i = 0; !done && i < k->c->nfallback_keys && k->w->stop < k->w->until; i++) {
		const char *other = expanded_key(k->w, k->c->fallback_keys[i], &e);
		done = other && other[0] && restore_key(k, other);
	}
	const char *last = done ? NULL : last_resort(k->w, &e);
	if (last)
		restore_key(k, last);
}

static void restore_one(struct caching *k)
{
	struct err e = { 0 };
	const char *key = key_of(k->w, k->c, &e);
	const struct policy *p = policy_of(k->w, k->c);
	if (!key)
		warn(k, "cache key", &e);
	if (!key || !p)
		return;
	if (!p->pull)
		joblog_sayf(&k->w->log, SAY_PLAIN, "Not downloading cache %s due to policy", key);
	else if (!restore_key(k, key))
		restore_other(k);
	*k->stamps = fd_take(&k->heard.stamps);
}

static struct caching caching_of(struct worker *w, struct worker_roles *roles, size_t i)
{
	return (struct caching){
		.w = w,
		.roles = roles,
		.c = &w->job->caches[i],
		.heard = { .stamps = -1 },
		.stamps = &w->stamps[i],
	};
}

void worker_restore_caches(struct worker *w)
{
	autoroles roles = WORKER_ROLES;
	struct err e = { 0 };
	if (w->job->ncaches == 0)
		return;
	w->stamps = arena_array(&w->arena, w->job->ncaches, sizeof *w->stamps, &e);
	if (!w->stamps)
		return;
	for (size_t i = 0; i < w->job->ncaches; i++)
		w->stamps[i] = -1;
	worker_phase(w, PHASE_SOURCES);
	joblog_section(&w->log, "restore_cache", "Restoring cache");
	for (size_t i = 0; i < w->job->ncaches && w->stop < w->until; i++) {
		struct caching k = caching_of(w, &roles, i);
		restore_one(&k);
		fd_close(&k.heard.stamps);
	}
	joblog_section(&w->log, NULL, NULL);
}

/* --- saving ------------------------------------------------------------------------------------- */

static int start_stowing(struct caching *k, int stream, struct err *e)
{
	struct worker *w = k->w;
	autobuf text = BUF(PARCEL_BYTES_MAX);
	struct parcel p = {
		.tree = w->project_dir,
		.name = "",
		.format = "",
		.level = "",
		.predicate = "",
		.paths = worker_expand_all(w, k->c->paths, k->c->npaths, e),
		.npaths = k->c->npaths,
		.untracked = k->c->untracked,
	};
	int sock = p.paths ? worker_archiver(w, k->roles, e) : -1;
	if (sock < 0 || parcel_write(&p, &text, e) < 0)
		return -1;
	autofd parcel = fd_sealed("parcel", buf_cstr(&text), text.len, e);
	if (parcel < 0)
		return -1;
	automsg m;
	msg_init(&m, ARCHIVER_STOW);
	msg_put_u32(&m, *k->stamps >= 0);
	msg_put_fd(&m, parcel);
	msg_put_fd(&m, stream);
	if (*k->stamps >= 0)
		msg_put_fd(&m, *k->stamps);
	return msg_send(sock, &m, e);
}

/* 1 saved (ret), 0 there was nothing to save. */
static int save(struct caching *k, const char *key, struct archiver_result *ret, struct err *e)
{
	int pipe[2];
	if (wide_pipe(pipe, e) < 0)
		return -1;
	autofd out = pipe[0];
	autofd in = pipe[1];
	if (start_stowing(k, in, e) < 0)
		return -1;
	fd_close(&in);
	if (worker_hear_archiver(k->w, k->roles->archiver, &k->heard, e) < 0)
		return -1;
	if (k->heard.found == 0)
		return worker_hear_archiver(k->w, k->roles->archiver, &k->heard, e) < 0 ? -1 : 0;
	if (tell_storer(k, STORER_SAVE, key, out, e) < 0)
		return -1;
	fd_close(&out);
	struct err tree = { 0 };
	int r = worker_hear_archiver(k->w, k->roles->archiver, &k->heard, &tree);
	if (tree.code != ECANCELED && hear_storer(k, ret, e) < 0)
		return -1;
	if (r < 0)
		*e = tree;
	return r < 0 ? -1 : 1;
}

static void save_one(struct caching *k)
{
	struct err e = { 0 };
	struct archiver_result stored = { 0 };
	const char *key = key_of(k->w, k->c, &e);
	const struct policy *p = policy_of(k->w, k->c);
	if (!key)
		warn(k, "cache key", &e);
	if (!key || !p)
		return;
	if (!p->push) {
		joblog_sayf(&k->w->log, SAY_PLAIN, "Not uploading cache %s due to policy", key);
		return;
	}
	joblog_sayf(&k->w->log, SAY_PLAIN, "Creating cache %s...", key);
	int r = save(k, key, &stored, &e);
	if (r < 0 && *k->stamps >= 0 && e.code != ECANCELED) {
		fd_close(k->stamps); /* what it was restored from may be gone: all of it then */
		worker_roles_done(k->roles);
		err_clear(&e);
		r = save(k, key, &stored, &e);
	}
	if (r < 0)
		warn(k, "Failed to create cache", &e);
	else if (r == 0)
		joblog_say(&k->w->log, SAY_WARNING, "WARNING: no files to cache");
	else
		joblog_sayf(&k->w->log, SAY_PLAIN, "Created cache (%llu files, %llu of them new)",
			    (unsigned long long)stored.files, (unsigned long long)stored.size);
}

void worker_save_caches(struct worker *w, bool success)
{
	autoroles roles = WORKER_ROLES;
	if (!w->stamps)
		return;
	joblog_section(&w->log, success ? "archive_cache" : "archive_cache_on_failure",
		       success ? "Saving cache for successful job" : "Saving cache for failed job");
	for (size_t i = 0; i < w->job->ncaches && w->stop < w->until; i++) {
		struct caching k = caching_of(w, &roles, i);
		if (worker_wanted(k.c->when, success))
			save_one(&k);
		fd_close(k.stamps);
	}
	joblog_section(&w->log, NULL, NULL);
}
