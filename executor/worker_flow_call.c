/* An action that is there as files: its action.yml, its inputs, what runs it. All of it is the job's. */
#include "executor/worker_flow_image.h"
#include "executor/worker_flow_process.h"

#include "base/str.h"
#include "protocol/job_action.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { ACTION_MAX = 1 << 20, DEPTH_MAX = 10, FLAGS = VAR_PUBLIC | VAR_RAW };

/* An action under way. */
struct call {
	const struct job_action *action;
	const char *dir, *place; /* place: of its action.yml, for errors */
	struct expr_value *inputs;
};

/* --- action.yml --------------------------------------------------------------------------------- */

static int parse(struct worker *w, const struct buf *text, struct call *c, struct err *e)
{
	if (!w->forge->action)
		return err_set(e, EOPNOTSUPP, "this server has no actions");
	c->action = w->forge->action(buf_cstr(text), text->len, &w->arena, e);
	if (!c->action)
		return err_wrap(e, "%s", c->place);
	if (*c->action->refusal)
		return err_set(e, EOPNOTSUPP, "%s: %s", c->place, c->action->refusal);
	return 0;
}

/* There is no action.yml: with a Dockerfile it is an action all the same. */
static int absent(struct worker *w, const struct uses *u, const char *root, const char *file,
		  struct err *e)
{
	autobuf text = BUF(ACTION_MAX);
	struct err none = { 0 };
	if (worker_box_read(w, root, file, &text, &none) == 0)
		return err_set(e, EOPNOTSUPP,
			       "%s: an action that is built from a Dockerfile is not supported",
			       u->text);
	return err_set(e, ENOENT, "%s: there is no action.yml and no action.yaml", u->text);
}

/* The first of the names that is there. */
static int read_action(struct worker *w, const struct uses *u, const char *root, struct call *c,
		       struct err *e)
{
	static const char *const names[] = { "action.yml", "action.yaml", "Dockerfile" };
	const char *slash = *u->path ? "/" : "", *file = "";
	size_t last = sizeof names / sizeof *names - 1;
	c->dir = arena_printf(&w->arena, e, "%s%s%s", root, slash, u->path);
	for (size_t i = 0; c->dir && i <= last; i++) {
		autobuf text = BUF(ACTION_MAX);
		file = arena_printf(&w->arena, e, "%s%s%s", u->path, slash, names[i]);
		c->place = arena_printf(&w->arena, e, "%s/%s", u->text, names[i]);
		if (!file || !c->place)
			return -1;
		err_clear(e);
		if (i == last)
			return absent(w, u, root, file, e);
		if (worker_box_read(w, root, file, &text, e) == 0)
			return parse(w, &text, c, e);
		if (e->code != ENOENT)
			return err_wrap(e, "%s", u->text);
	}
	return -1;
}

/* --- inputs ------------------------------------------------------------------------------------- */

static const char *given(const struct flow_step *s, const char *name)
{
	for (size_t i = 0; i < s->job->with.n; i++)
		if (strcasecmp(s->inputs[i].name, name) == 0)
			return s->inputs[i].value;
	return NULL;
}

static int take_input(struct flow_step *s, struct call *c, const struct job_input *in,
		      struct err *e)
{
	struct joblog *log = &s->f->w->log;
	struct workflow scope = *s->x;
	const char *value = given(s, in->name);
	scope.place = c->place;
	if (value && *in->deprecation)
		joblog_sayf(log, SAY_WARNING, "Input '%.80s' is deprecated: %.400s", in->name,
			    in->deprecation);
	if (!value && in->required && !in->value.line)
		joblog_sayf(log, SAY_WARNING, "Input '%.80s' is required and not given", in->name);
	if (!value)
		value = workflow_text(&scope, &in->value, e);
	return value ? workflow_put_text(s->x, c->inputs, in->name, value, e) : -1;
}

static int take_inputs(struct flow_step *s, struct call *c, struct err *e)
{
	const struct job_action *action = c->action;
	c->inputs = expr_object_new(s->x->a, e);
	for (size_t i = 0; c->inputs && i < action->ninputs; i++)
		if (take_input(s, c, &action->inputs[i], e) < 0)
			return -1;
	for (size_t i = 0; c->inputs && i < s->job->with.n; i++)
		if (!expr_object_get(c->inputs, s->inputs[i].name, strlen(s->inputs[i].name)))
			joblog_sayf(&s->f->w->log, SAY_WARNING,
				    "Input '%.80s' is none of the action's", s->inputs[i].name);
	return c->inputs ? 0 : -1;
}

/* --- composite ---------------------------------------------------------------------------------- */

static int take_outputs(struct flow_step *s, const struct call *c, struct workflow *inner)
{
	struct err why = { 0 };
	for (size_t i = 0; i < c->action->outputs.n; i++) {
		const struct job_pair *p = &c->action->outputs.pairs[i];
		const char *text = workflow_text(inner, &p->value, &why);
		if (!text || workflow_put_text(s->x, s->outputs, p->key, text, &why) < 0) {
			flow_fail(s, ENDING_CONFIG, "%s", why.msg);
			return 0;
		}
	}
	return 0;
}

static int run_composite(struct flow_step *s, struct call *c, struct err *e)
{
	struct workflow_entry by = { c->inputs, c->dir, c->place };
	struct workflow *inner = arena_new(s->x->a, struct workflow, e);
	struct flow_steps steps = {
		.runs = c->action->runs,
		.n = c->action->nruns,
		.depth = s->depth + 1,
		.before_ms = s->before_ms,
		.limit_text = s->limit_text,
	};
	struct flow_end end;
	if (s->depth == DEPTH_MAX) {
		flow_fail(s, ENDING_CONFIG, "Actions use each other more than %d deep", DEPTH_MAX);
		return 0;
	}
	if (!inner || workflow_enter(inner, s->x, &by, e) < 0 ||
	    flow_steps_run(s->f, inner, &steps, &end, e) < 0)
		return -1;
	if (s->end.ending == ENDING_SUCCESS)
		s->end = end;
	return take_outputs(s, c, inner);
}

/* --- node --------------------------------------------------------------------------------------- */

/* INPUT_NAME: as GitHub spells it, or (strict) as others do. */
static void spell(char *key, bool strict)
{
	for (char *p = key; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool odd = strict && !isalnum(c) && c != '-';
		if (c == ' ' || c == '=' || odd)
			*p = '_';
		else if (c >= 'a' && c <= 'z')
			*p = (char)(c - 'a' + 'A');
	}
}

/* Some actions read the one, some the other. */
static int set_input(struct flow_step *s, const char *name, const char *value, struct err *e)
{
	for (int strict = 0; strict < 2; strict++) {
		char *key = arena_printf(s->x->a, e, "INPUT_%s", name);
		if (!key)
			return -1;
		spell(key, strict);
		if (vars_set(s->vars, key, value, FLAGS, e) < 0)
			return -1;
	}
	return 0;
}

static int set_variables(struct flow_step *s, const struct call *c, struct err *e)
{
	for (size_t i = 0; i < s->job->with.n; i++)
		if (set_input(s, s->inputs[i].name, s->inputs[i].value, e) < 0)
			return -1;
	for (size_t i = 0; i < c->inputs->n; i++)
		if (set_input(s, c->inputs->pairs[i].key, c->inputs->pairs[i].value->text, e) < 0)
			return -1;
	for (size_t i = 0; i < s->state->n; i++) {
		const struct expr_pair *p = &s->state->pairs[i];
		const char *key = arena_printf(s->x->a, e, "STATE_%s", p->key);
		if (!key || vars_set(s->vars, key, p->value->text, FLAGS, e) < 0)
			return -1;
	}
	if (*s->uses.repository &&
	    (vars_set(s->vars, "GITHUB_ACTION_REPOSITORY", s->uses.repository, FLAGS, e) < 0 ||
	     vars_set(s->vars, "GITHUB_ACTION_REF", s->uses.ref, FLAGS, e) < 0))
		return -1;
	return *c->dir ? vars_set(s->vars, "GITHUB_ACTION_PATH", c->dir, FLAGS, e) : 0;
}

static int run_node(struct flow_step *s, const struct call *c, const char *file, struct err *e)
{
	const char *argv[] = { "node", arena_printf(s->x->a, e, "%s/%s", c->dir, file), NULL };
	struct err why = { 0 };
	struct flow_command cmd = {
		.argv = argv,
		.cwd = s->f->w->project_dir,
		.hint = ": this action needs node in the PATH of the job",
	};
	if (!argv[1])
		return -1;
	if (set_variables(s, c, &why) < 0) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	return flow_process(s, &cmd, e);
}

/* --- images ------------------------------------------------------------------------------------- */

/* The contexts of the action's own texts. */
static int enter(struct flow_step *s, const struct call *c, struct workflow *ret, struct err *e)
{
	const struct workflow_entry by = { c->inputs, c->dir, c->place };
	return workflow_enter(ret, s->x, &by, e);
}

static int image_variables(struct flow_step *s, const void *arg, struct err *e)
{
	const struct call *c = arg;
	struct workflow inner;
	if (set_variables(s, c, e) < 0 || enter(s, c, &inner, e) < 0)
		return -1;
	for (size_t i = 0; i < c->action->env.n; i++) {
		const struct job_pair *p = &c->action->env.pairs[i];
		const char *value = workflow_text(&inner, &p->value, e);
		if (!value || vars_set(s->vars, p->key, value, FLAGS, e) < 0)
			return -1;
	}
	return 0;
}

/* What the step says outweighs what the action says. */
static int take_entrypoint(struct flow_step *s, const struct call *c, struct words *w,
			   struct err *e)
{
	struct workflow inner;
	const char *text = given(s, "entrypoint");
	if (text && *text)
		return words_split(text, s->x->a, w, e);
	if (enter(s, c, &inner, e) < 0)
		return -1;
	w->list[0] = workflow_text(&inner, &c->action->entrypoint, e);
	w->n = w->list[0] && *w->list[0];
	return w->list[0] ? 0 : -1;
}

static int take_args(struct flow_step *s, const struct call *c, struct words *w, struct err *e)
{
	struct workflow inner;
	const char *text = given(s, "args");
	if (text && *text)
		return words_split(text, s->x->a, w, e);
	if (c->action->nargs > w->max)
		return err_set(e, E2BIG, "more than %zu args", w->max);
	if (enter(s, c, &inner, e) < 0)
		return -1;
	for (size_t i = 0; i < c->action->nargs; i++) {
		w->list[w->n] = workflow_text(&inner, &c->action->args[i], e);
		if (!w->list[w->n++])
			return -1;
	}
	return 0;
}

/* entrypoint "" the usual one, with its arguments. */
static int run_image(struct flow_step *s, const struct call *c, const char *entrypoint,
		     struct err *e)
{
	const char *first[SANDBOX_ARGS + 1] = { entrypoint }, *rest[SANDBOX_ARGS + 1] = { 0 };
	struct err why = { 0 };
	struct flow_image i = {
		.name = c->action->image,
		.entrypoint = { first, SANDBOX_ARGS, 1 },
		.args = { rest, SANDBOX_ARGS, 0 },
		.variables = image_variables,
		.arg = c,
	};
	if (!*entrypoint && (take_entrypoint(s, c, &i.entrypoint, &why) < 0 ||
			     take_args(s, c, &i.args, &why) < 0)) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	return flow_image_run(s, &i, e);
}

/* ------------------------------------------------------------------------------------------------ */

/* run NULL: it is composite. Else it runs main, pre or post. */
typedef int call_run(struct flow_step *s, const struct call *c, const char *what, struct err *e);

static call_run *const kinds[] = {
	[JOB_ACTION_NODE] = run_node,
	[JOB_ACTION_COMPOSITE] = NULL,
	[JOB_ACTION_IMAGE] = run_image,
};

static int run_post(struct flow_step *s, void *arg, struct err *e)
{
	const struct call *c = arg;
	return kinds[c->action->kind](s, c, c->action->post.text, e);
}

static int run_main(struct flow_step *s, struct call *c, struct err *e)
{
	struct flow_post post = {
		.condition = &c->action->post_if,
		.place = c->place,
		.run = run_post,
		.arg = c,
	};
	call_run *run = kinds[c->action->kind];
	if (!run)
		return run_composite(s, c, e);
	if (*c->action->post.text && flow_post_add(s, &post, e) < 0)
		return -1;
	return run(s, c, c->action->main.text, e);
}

int worker_action_at(struct action_step *a, const char *root, struct err *e)
{
	struct flow_step *s = a->step;
	struct err why = { 0 };
	struct call *c = arena_new(s->x->a, struct call, e);
	if (!c)
		return -1;
	if (read_action(a->w, &s->uses, root, c, &why) < 0 || take_inputs(s, c, &why) < 0) {
		if (why.code == EPIPE || why.code == ETIMEDOUT) {
			*e = why;
			return -1;
		}
		flow_fail(s, why.code == EOPNOTSUPP ? ENDING_UNSUPPORTED : ENDING_CONFIG, "%s",
			  why.msg);
		return 0;
	}
	return run_main(s, c, e);
}

/* What is wrong with the action is said when its step is reached. */
int worker_action_pre(struct action_step *a, const char *root, struct err *e)
{
	struct flow_step *s = a->step;
	struct workflow scope = *s->x;
	struct err why = { 0 };
	bool go = true;
	struct call *c = arena_new(s->x->a, struct call, e);
	if (!c)
		return -1;
	if (read_action(a->w, &s->uses, root, c, &why) < 0 || !kinds[c->action->kind] ||
	    !*c->action->pre.text || take_inputs(s, c, &why) < 0)
		return 0;
	scope.place = c->place;
	if (*c->action->pre_if.text &&
	    workflow_condition(&scope, &c->action->pre_if, &go, &why) < 0) {
		flow_fail(s, ENDING_CONFIG, "%s", why.msg);
		return 0;
	}
	if (!go)
		return 0;
	joblog_sayf(&s->f->w->log, SAY_PLAIN, "Pre %s", s->uses.text);
	return kinds[c->action->kind](s, c, c->action->pre.text, e);
}

int worker_action_prepare(struct worker *w, const struct uses *u, const char *root, struct err *e)
{
	struct call c = { 0 };
	struct err why = { 0 };
	int r = read_action(w, u, root, &c, &why);
	if (r == 0 && c.action->kind == JOB_ACTION_IMAGE)
		return flow_image_get(w, c.action->image, e) ? 0 : -1;
	if (r == 0 || why.code != EOPNOTSUPP)
		return 0;
	*e = why;
	return -1;
}

/* An image is an action that says nothing about itself. */
int worker_action_image(struct action_step *a, struct err *e)
{
	struct flow_step *s = a->step;
	struct job_action *action = arena_new(s->x->a, struct job_action, e);
	struct call *c = action ? arena_new(s->x->a, struct call, e) : NULL;
	if (!c)
		return -1;
	action->kind = JOB_ACTION_IMAGE;
	action->image = s->uses.image;
	action->entrypoint.text = "";
	*c = (struct call){ action, "", "", expr_object_new(s->x->a, e) };
	return c->inputs ? run_image(s, c, "", e) : -1;
}

int worker_action_local(struct action_step *a, struct err *e)
{
	return worker_action_at(a, a->w->project_dir, e);
}
