/* The steps of a job or of a composite action. */
#include "protocol/workflow_part.h"

#include <stddef.h>
#include <string.h>

enum { RUNS_MAX = 256 };

struct text_row {
	const char *key;
	size_t to;
};

static const struct text_row texts[] = {
	{ "name", offsetof(struct job_run, name) },
	{ "run", offsetof(struct job_run, run) },
	{ "uses", offsetof(struct job_run, uses) },
	{ "if", offsetof(struct job_run, condition) },
	{ "shell", offsetof(struct job_run, shell) },
	{ "working-directory", offsetof(struct job_run, directory) },
	{ "timeout-minutes", offsetof(struct job_run, timeout) },
	{ "continue-on-error", offsetof(struct job_run, carry_on) },
};

static int take_step(struct workflow_reading *r, const struct yaml_node *v, struct job_run *ret)
{
	struct job_text id;
	if (v->kind != YAML_MAP)
		return workflow_fail(r, v, "a step is expected to be a mapping");
	*ret = (struct job_run){ .line = v->line, .col = v->col };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (workflow_take_text(r, v, texts[i].key,
				       (struct job_text *)(void *)((char *)ret + texts[i].to)) < 0)
			return -1;
	if (workflow_take_text(r, v, "id", &id) < 0 ||
	    workflow_take_map(r, v, "env", &ret->env) < 0 ||
	    workflow_take_map(r, v, "with", &ret->with) < 0)
		return -1;
	ret->id = id.text;
	if ((ret->run.line != 0) == (ret->uses.line != 0))
		return workflow_fail(r, v,
				     ret->run.line ? "a step has `run:` or `uses:`, not both"
						   : "a step needs `run:` or `uses:`");
	return 0;
}

int workflow_take_steps(struct workflow_reading *r, const struct yaml_node *list,
			const struct job_run **ret, size_t *ret_n)
{
	if (list->kind != YAML_LIST)
		return workflow_fail(r, list, "steps are expected to be a list");
	if (list->count > RUNS_MAX)
		return workflow_fail(r, list, "there are more than 256 steps");
	struct job_run *runs = arena_array(r->a, list->count, sizeof *runs, r->e);
	if (!runs)
		return -1;
	for (size_t i = 0; i < list->count; i++)
		if (take_step(r, list->items[i], &runs[i]) < 0)
			return -1;
	*ret = runs;
	*ret_n = list->count;
	return 0;
}
