/* What a Gitea server sends as a task, and what stands in it as a workflow (the same bytes are read as
 * both): what is returned keeps the promises of protocol/job_workflow.h; a refusal says why. */
#include "base/str.h"
#include "protocol/gitea_job.h"
#include "protocol/job_workflow.h"
#include "protocol/workflow_read.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void envs(const struct job_env *env)
{
	for (size_t i = 0; i < env->n; i++)
		check(env->pairs[i].key && env->pairs[i].value.text);
}

static void promises(const struct job_workflow *w)
{
	check(w->refusal && w->condition.text && w->shell.text && w->directory.text);
	check(w->nruns > 0 || *w->refusal);
	envs(&w->env[0]);
	envs(&w->env[1]);
	for (size_t i = 0; i < w->nruns; i++) {
		const struct job_run *r = &w->runs[i];
		const char *const all[] = { r->id,           r->name.text,      r->run.text,
					    r->shell.text,   r->condition.text, r->directory.text,
					    r->timeout.text, r->carry_on.text,  r->uses.text };
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			check(all[k] != NULL);
		check(r->run.line || r->uses.line || *w->refusal);
		envs(&r->env);
		envs(&r->with);
	}
	for (size_t i = 0; i < w->ncontexts; i++)
		check(w->contexts[i].name && w->contexts[i].json[0] == '{');
}

static void of_job(const struct job *job)
{
	check(job->id && job->project_id && job->timeout_s && job->token);
	check(job->image.name && job->image.platform && job->image.user);
	check(job->sources.url && job->sources.ref && job->sources.sha && job->stage);
	check(str_is_printable(job->project_path, strlen(job->project_path)));
	promises(job->workflow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(4 << 20);
	struct err e = { 0 };
	struct workflow_read read;
	const struct job *job = gitea_job_parse((const char *)data, n, &a, &e);
	check(job || e.msg[0] != '\0');
	if (job)
		of_job(job);
	err_clear(&e);
	if (workflow_read((const char *)data, n, &a, &read, &e) == 0) {
		autobuf matrix = BUF(4 << 20);
		autobuf strategy = BUF(4 << 20);
		promises(read.workflow);
		check(read.key && read.name);
		check(workflow_matrix_json(read.strategy, &matrix, &e) == 0 || e.msg[0]);
		err_clear(&e);
		check(workflow_strategy_json(read.strategy, &strategy, &e) == 0 || e.msg[0]);
	} else {
		check(e.msg[0] != '\0');
	}
	arena_done(&a);
	return 0;
}
