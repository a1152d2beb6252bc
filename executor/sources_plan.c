/* What a job's variables say about its sources. */
#include "executor/sources.h"

#include "base/str.h"
#include "executor/clean_flags.h"
#include "executor/extra_flags.h"
#include "executor/refspec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WARNINGS_MAX = 4096, PATHS_MAX = 256, ATTEMPTS_MAX = 10 };

struct plan {
	const struct vars *vars;
	struct arena *a;
	struct sources_plan p;
	struct buf warnings;
};

static const char *const strategies[] = { "fetch", "clone", "none", "empty" };
static const char *const modules[] = { "none", "normal", "recursive" };

static int index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return -1;
}

static int warn(struct plan *k, const char *name, const char *want, const char *used, struct err *e)
{
	const char *got = vars_get(k->vars, name);
	return buf_printf(&k->warnings, e,
			  "%s%s: expected %s got \"%.100s\", using default value %s",
			  k->warnings.len ? "\n" : "", name, want, got, used);
}

static int read_strategy(struct plan *k, const struct job *job, struct err *e)
{
	const char *word = vars_get(k->vars, "GIT_STRATEGY");
	enum sources_strategy usual = job->sources.allow_fetch ? SOURCES_FETCH : SOURCES_CLONE;
	int i = index_of(word, strategies, 4);
	k->p.strategy = i < 0 ? usual : (enum sources_strategy)i;
	if (i >= 0 || !*word)
		return 0;
	return warn(k, "GIT_STRATEGY", "either 'clone', 'fetch', 'none' or 'empty'",
		    usual == SOURCES_FETCH ? "'fetch'" : "'clone'", e);
}

static int read_bool(struct plan *k, const char *name, bool usual, bool *ret, struct err *e)
{
	const char *word = vars_get(k->vars, name);
	*ret = usual;
	if (!*word || str_bool(word, ret))
		return 0;
	return warn(k, name, "bool", usual ? "true" : "false", e);
}

static int read_attempts(struct plan *k, struct err *e)
{
	const char *word = vars_get(k->vars, "GET_SOURCES_ATTEMPTS");
	uint64_t n = 1;
	bool good = !*word || (str_u64(word, ATTEMPTS_MAX, &n) && n >= 1);
	k->p.attempts = good ? (unsigned)n : 1;
	return good ? 0 : warn(k, "GET_SOURCES_ATTEMPTS", "a number from 1 to 10", "1", e);
}

static int read_clean(struct plan *k, struct err *e)
{
	struct clean_flags f;
	k->p.clean = arena_strdup(k->a, vars_get(k->vars, "GIT_CLEAN_FLAGS"), e);
	if (!k->p.clean || clean_flags_parse(k->p.clean, k->a, &f, e) < 0)
		return -1;
	bool usual = !f.none && f.nested && f.dirs && f.ignored && !f.nkeep;
	k->p.kept = k->p.strategy == SOURCES_NONE || (k->p.strategy == SOURCES_FETCH && !usual);
	return 0;
}

static int read_paths(struct plan *k, struct err *e)
{
	char *text = arena_strdup(k->a, vars_get(k->vars, "GIT_SUBMODULE_PATHS"), e);
	size_t most = text ? strlen(text) / 2 + 1 : 0; /* words are no more */
	most = most < PATHS_MAX ? most : PATHS_MAX;
	const char **paths = arena_array(k->a, most, sizeof *paths, e);
	char *rest = NULL;
	bool wanted = false;
	if (!text || !paths)
		return -1;
	for (char *w = strtok_r(text, " \t\r\n", &rest); w; w = strtok_r(NULL, " \t\r\n", &rest)) {
		if (k->p.nmodule_paths == PATHS_MAX)
			return err_set(e, E2BIG, "GIT_SUBMODULE_PATHS: more than %d", PATHS_MAX);
		wanted |= !str_starts(w, ":(exclude)");
		paths[k->p.nmodule_paths++] = w;
	}
	k->p.module_paths = paths;
	if (k->p.nmodule_paths && !wanted)
		return err_set(e, EINVAL,
			       "GIT_SUBMODULE_PATHS: nothing but exclusions; name the "
			       "submodules that are wanted too");
	return 0;
}

static int read_modules(struct plan *k, struct err *e)
{
	const char *word = vars_get(k->vars, "GIT_SUBMODULE_STRATEGY");
	int i = *word ? index_of(word, modules, 3) : 0;
	if (i < 0)
		return err_set(e, EINVAL,
			       "unknown GIT_SUBMODULE_STRATEGY \"%.100s\": write none, "
			       "normal or recursive",
			       word);
	k->p.modules = (enum sources_modules)i;
	if (read_paths(k, e) < 0)
		return -1;
	return read_bool(k, "GIT_SUBMODULE_FORCE_HTTPS", false, &k->p.force_https, e);
}

static int not_applied(struct plan *k, const char *name, const char *value, const char *why,
		       struct err *e)
{
	return buf_printf(&k->warnings, e, "%s%s: %.200s: not applied, %s",
			  k->warnings.len ? "\n" : "", name, value, why);
}

/* What is asked of git submodule update and is not so here. */
static int read_module_flags(struct plan *k, struct err *e)
{
	struct extra_flags f;
	const char *depth = vars_get(k->vars, "GIT_SUBMODULE_DEPTH");
	const char *text = vars_get(k->vars, "GIT_SUBMODULE_UPDATE_FLAGS");
	if (k->p.modules == MODULES_NONE)
		return 0;
	if (extra_flags_parse(FLAGS_SUBMODULE, text, k->a, &f, e) < 0)
		return -1;
	if (f.recursive)
		k->p.modules = MODULES_RECURSIVE;
	if (*f.rest &&
	    not_applied(k, "GIT_SUBMODULE_UPDATE_FLAGS", f.rest,
			"submodules are checked out at the commits that are recorded", e) < 0)
		return -1;
	return !*depth ? 0
		       : not_applied(k, "GIT_SUBMODULE_DEPTH", depth,
				     "submodules come with their whole history from mirrors", e);
}

/* What is asked of git fetch and is not so here. */
static int read_fetch_flags(struct plan *k, struct err *e)
{
	struct extra_flags f;
	const char *text = vars_get(k->vars, "GIT_FETCH_EXTRA_FLAGS");
	if (k->p.strategy == SOURCES_NONE || k->p.strategy == SOURCES_EMPTY)
		return 0;
	if (extra_flags_parse(FLAGS_FETCH, text, k->a, &f, e) < 0)
		return -1;
	k->p.tags = f.tags;
	if (*f.rest && not_applied(k, "GIT_FETCH_EXTRA_FLAGS", f.rest,
				   "sources come from this runner's own mirror", e) < 0)
		return -1;
	return read_module_flags(k, e);
}

int sources_plan(const struct job *job, const struct vars *vars, struct arena *a,
		 struct sources_plan *ret, struct err *e)
{
	struct plan k = { .vars = vars, .a = a, .warnings = BUF(WARNINGS_MAX) };
	k.p.depth = job->sources.depth;
	int r = read_strategy(&k, job, e);
	if (r == 0)
		r = read_bool(&k, "GIT_CHECKOUT", true, &k.p.checkout, e);
	if (r == 0)
		r = read_attempts(&k, e);
	if (r == 0)
		r = read_clean(&k, e);
	if (r == 0)
		r = read_modules(&k, e);
	if (r == 0)
		r = read_fetch_flags(&k, e);
	if (r == 0) {
		k.p.warnings = arena_strdup(a, buf_cstr(&k.warnings), e);
		r = k.p.warnings ? 0 : -1;
	}
	buf_done(&k.warnings);
	if (r == 0)
		*ret = k.p;
	return r;
}

void sources_snapshot_key(const struct job *job, const struct sources_plan *plan,
			  char ret[SOURCES_KEY])
{
	const struct job_sources *from = &job->sources;
	const char *const url[] = { from->url };
	bool usual = plan->strategy <= SOURCES_CLONE && plan->checkout && !plan->kept &&
		     plan->modules == MODULES_NONE && strcmp(from->object_format, "sha1") == 0;
	ret[0] = '\0';
	if (usual && ref_is_sha1(from->sha, strlen(from->sha)))
		snprintf(ret, SOURCES_KEY, "%.40s-%016" PRIx64, from->sha,
			 refspec_hash(from->refspecs, from->nrefspecs) ^ refspec_hash(url, 1) * 31);
}
