#include "protocol/action_read.h"

#include "base/str.h"
#include "protocol/workflow_part.h"

#include <errno.h>
#include <string.h>

enum { INPUTS_MAX = 200 };

/* --- inputs and outputs ------------------------------------------------------------------------- */

static int take_input(struct workflow_reading *r, const struct yaml_pair *p, struct job_input *ret)
{
	struct job_text deprecation, required;
	const struct yaml_node *v = p->value;
	if (v->kind != YAML_MAP && v->kind != YAML_NULL)
		return workflow_fail(r, v, "an input is expected to be a mapping");
	if (v->kind == YAML_NULL)
		v = NULL;
	if (workflow_take_text(r, v, "default", &ret->value) < 0 ||
	    workflow_take_text(r, v, "deprecationMessage", &deprecation) < 0 ||
	    workflow_take_text(r, v, "required", &required) < 0)
		return -1;
	ret->name = p->key->text;
	ret->deprecation = deprecation.text;
	ret->required = strcmp(required.text, "true") == 0;
	return 0;
}

static int take_inputs(struct workflow_reading *r, const struct yaml_node *root,
		       struct job_action *ret)
{
	const struct yaml_node *v = workflow_member(root, "inputs");
	if (!v)
		return 0;
	if (v->kind != YAML_MAP)
		return workflow_fail(r, v, "a mapping is expected");
	if (v->count > INPUTS_MAX)
		return workflow_fail(r, v, "there are more than 200 inputs");
	struct job_input *inputs = arena_array(r->a, v->count, sizeof *inputs, r->e);
	for (size_t i = 0; inputs && i < v->count; i++)
		if (take_input(r, &v->pairs[i], &inputs[i]) < 0)
			return -1;
	ret->inputs = inputs;
	ret->ninputs = v->count;
	return inputs ? 0 : -1;
}

/* NAME: {value: TEXT}. */
static int take_outputs(struct workflow_reading *r, const struct yaml_node *root,
			struct job_action *ret)
{
	const struct yaml_node *v = workflow_member(root, "outputs");
	if (!v)
		return 0;
	if (v->kind != YAML_MAP)
		return workflow_fail(r, v, "a mapping is expected");
	struct job_pair *pairs = arena_array(r->a, v->count, sizeof *pairs, r->e);
	for (size_t i = 0; pairs && i < v->count; i++) {
		const struct yaml_node *item = v->pairs[i].value;
		pairs[i].key = v->pairs[i].key->text;
		if (item->kind == YAML_NULL)
			item = NULL;
		else if (item->kind != YAML_MAP)
			return workflow_fail(r, item, "an output is expected to be a mapping");
		if (workflow_take_text(r, item, "value", &pairs[i].value) < 0)
			return -1;
	}
	ret->outputs = (struct job_env){ pairs, v->count };
	return pairs ? 0 : -1;
}

/* --- runs --------------------------------------------------------------------------------------- */

static int take_composite(struct workflow_reading *r, const struct yaml_node *runs,
			  struct job_action *ret)
{
	const struct yaml_node *steps = workflow_member(runs, "steps");
	ret->kind = JOB_ACTION_COMPOSITE;
	if (!steps)
		return workflow_fail(r, runs, "a composite action needs `steps:`");
	if (workflow_take_steps(r, steps, &ret->runs, &ret->nruns) < 0)
		return -1;
	for (size_t i = 0; i < ret->nruns; i++)
		if (ret->runs[i].run.line && !*ret->runs[i].shell.text)
			return workflow_fail(r, steps->items[i],
					     "a `run:` of an action needs `shell:`");
	return 0;
}

/* The name of a file beneath the action. */
static int take_file(struct workflow_reading *r, const struct yaml_node *runs, const char *key,
		     struct job_text *ret)
{
	const struct yaml_node *v = yaml_get(runs, key);
	if (workflow_take_text(r, runs, key, ret) < 0)
		return -1;
	const char *s = ret->text;
	s += str_starts(s, "./") ? 2 : 0;
	ret->text = s;
	if (s[0] == '/' || strstr(s, "..") || !str_is_printable(s, strlen(s)))
		return workflow_fail(r, v, "a file of the action is expected");
	return 0;
}

static int take_node(struct workflow_reading *r, const struct yaml_node *runs,
		     struct job_action *ret)
{
	ret->kind = JOB_ACTION_NODE;
	if (take_file(r, runs, "main", &ret->main) < 0 ||
	    take_file(r, runs, "pre", &ret->pre) < 0 ||
	    take_file(r, runs, "post", &ret->post) < 0 ||
	    workflow_take_text(r, runs, "pre-if", &ret->pre_if) < 0 ||
	    workflow_take_text(r, runs, "post-if", &ret->post_if) < 0)
		return -1;
	return *ret->main.text ? 0 : workflow_fail(r, runs, "an action of node needs `main:`");
}

/* Only one that is there: nothing is built here. */
static int take_image(struct workflow_reading *r, const struct yaml_node *runs,
		      struct job_action *ret)
{
	static const char scheme[] = "docker://";
	const struct yaml_node *v = workflow_member(runs, "image");
	ret->kind = JOB_ACTION_IMAGE;
	if (!v || v->kind >= YAML_LIST)
		return workflow_fail(r, v ? v : runs, "an action of docker needs `image:`");
	if (!str_starts(v->text, scheme) || !v->text[sizeof scheme - 1])
		return workflow_refuse(
			r, v, "an action that is built from a Dockerfile is not supported");
	ret->image = v->text + sizeof scheme - 1;
	if (workflow_take_text(r, runs, "entrypoint", &ret->entrypoint) < 0 ||
	    workflow_take_text(r, runs, "pre-entrypoint", &ret->pre) < 0 ||
	    workflow_take_text(r, runs, "post-entrypoint", &ret->post) < 0 ||
	    workflow_take_text(r, runs, "pre-if", &ret->pre_if) < 0 ||
	    workflow_take_text(r, runs, "post-if", &ret->post_if) < 0 ||
	    workflow_take_map(r, runs, "env", &ret->env) < 0)
		return -1;
	return workflow_take_list(r, runs, "args", &ret->args, &ret->nargs);
}

static int take_runs(struct workflow_reading *r, const struct yaml_node *root,
		     struct job_action *ret)
{
	const struct yaml_node *runs = workflow_member(root, "runs");
	const struct yaml_node *using = workflow_member(runs, "using");
	if (!runs || runs->kind != YAML_MAP || !using || using->kind >= YAML_LIST)
		return workflow_fail(r, runs ? runs : root,
				     "an action needs `runs:` with `using:`");
	ret->using = using->text;
	if (strcmp(using->text, "composite") == 0)
		return take_composite(r, runs, ret);
	if (str_starts(using->text, "node"))
		return take_node(r, runs, ret);
	if (strcmp(using->text, "docker") == 0)
		return take_image(r, runs, ret);
	return workflow_refuse(r, using, "only composite, node and docker actions are supported");
}

const struct job_action *action_read(const char *text, size_t n, struct arena *a, struct err *e)
{
	const struct yaml_node *root = yaml_read(text, n, a, e);
	struct workflow_reading r = { .a = a, .refusal = "", .e = e };
	struct job_action *ret = root ? arena_new(a, struct job_action, e) : NULL;
	struct job_text name;
	if (!ret)
		return NULL;
	if (root->kind != YAML_MAP) {
		workflow_fail(&r, root, "an action is expected to be a mapping");
		return NULL;
	}
	ret->main.text = ret->pre.text = ret->post.text = "";
	ret->image = ret->entrypoint.text = "";
	ret->pre_if.text = ret->post_if.text = "";
	if (workflow_take_text(&r, root, "name", &name) < 0 || take_inputs(&r, root, ret) < 0 ||
	    take_outputs(&r, root, ret) < 0 || take_runs(&r, root, ret) < 0)
		return NULL;
	ret->name = name.text;
	ret->refusal = r.refusal;
	return ret;
}
