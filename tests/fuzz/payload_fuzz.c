/* What a coordinator sends as a job: a job that is returned keeps the promises of protocol/job.h; a
 * refusal says why; the envelope finds in it what the parser found. */
#include "base/str.h"
#include "protocol/gitlab_envelope.h"
#include "protocol/gitlab_job.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void line(const char *s)
{
	check(s && str_is_printable(s, strlen(s)));
}

static void texts(const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(list[i] != NULL);
}

static void sources(const struct job_sources *s)
{
	line(s->url);
	line(s->user);
	line(s->token);
	line(s->ref);
	check(*s->ref && *s->ref != '-');
	check(str_starts(s->url, "http") || str_starts(s->url, "ssh://"));
	check(strlen(s->sha) == (strcmp(s->object_format, "sha256") == 0 ? 64 : 40));
	for (size_t i = 0; i < s->nrefspecs; i++) {
		line(s->refspecs[i]);
		check(*s->refspecs[i] != '-' && strstr(s->refspecs[i], ":refs/"));
	}
}

static void secrets(const struct job *job)
{
	for (size_t i = 0; i < job->nsecrets; i++) {
		const struct job_secret *s = &job->secrets[i];
		const char *const all[] = { s->name,   s->provider, s->url,       s->space,
					    s->jwt,    s->role,     s->auth_name, s->auth_path,
					    s->engine, s->mount,    s->path,      s->field };
		texts(all, sizeof all / sizeof *all);
		check(s->source <= JOB_SECRET_OTHER);
	}
}

static void promises(const struct job *job)
{
	check(job->id > 0 && job->project_id > 0 && job->queue_s >= 0);
	check(job->timeout_s >= 1 && job->timeout_s <= JOB_TIMEOUT_MAX);
	line(job->token);
	line(job->name);
	line(job->stage);
	line(job->project_path);
	check(*job->token && *job->project_path && *job->project_path != '/');
	sources(&job->sources);
	secrets(job);
	check(job->nsteps >= 1 && job->nsteps <= JOB_STEPS_MAX && job->nvars <= JOB_VARS_MAX);
	for (size_t i = 0; i < job->nsteps; i++) {
		line(job->steps[i].name);
		texts(job->steps[i].lines, job->steps[i].nlines);
		check(job->steps[i].when <= JOB_ALWAYS);
	}
	for (size_t i = 0; i < job->nvars; i++) {
		line(job->vars[i].key);
		check(*job->vars[i].key && job->vars[i].value);
	}
	for (size_t i = 0; i < job->nartifacts; i++)
		texts(job->artifacts[i].paths, job->artifacts[i].npaths);
	check(job->image.name != NULL);
}

/* The envelope reads no \u escape, so it may miss a text; what it has is the same. */
static void same(const struct job *job, const struct gitlab_envelope *env)
{
	check(!env->id || env->id == job->id);
	check(!*env->token || strcmp(env->token, job->token) == 0);
	check(!env->project_id || env->project_id == job->project_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 }, none = { 0 };
	struct gitlab_envelope env;
	int r = gitlab_envelope((const char *)data, n, &env, &none);
	check(r == 0 ? env.id && *env.token : *none.msg != '\0');
	const struct job *job = gitlab_job_parse((const char *)data, n, &a, &e);
	if (job) {
		promises(job);
		same(job, &env);
	} else {
		check(str_starts(e.msg, "payload: ") && str_is_printable(e.msg, strlen(e.msg)));
	}
	arena_done(&a);
	return 0;
}
