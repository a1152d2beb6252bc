/* Texts with expressions in them, and what is made of their values. */
#include "executor/workflow_value.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { MINUTES_MAX = 30 * 24 * 60 };

static int status(void *arg, enum expr_status which, bool *ret, struct err *e)
{
	const struct workflow *x = arg;
	bool cancelled = x->all->cancelled;
	(void)e;
	const bool rows[] = {
		[EXPR_SUCCESS] = !x->failed && !x->unmet && !cancelled,
		[EXPR_FAILURE] = x->failed && !cancelled,
		[EXPR_ALWAYS] = true,
		[EXPR_CANCELLED] = cancelled,
	};
	*ret = rows[which];
	return 0;
}

static int hash_files(void *arg, const struct expr_patterns *p, char ret[65], struct err *e)
{
	const struct workflow_shared *all = ((const struct workflow *)arg)->all;
	return all->hash_files(all->hasher, p, ret, e);
}

static struct expr_scope scope_of(struct workflow *x)
{
	return (struct expr_scope){
		.contexts = x->contexts,
		.hash_files = x->all->hash_files ? hash_files : NULL,
		.arg = x,
	};
}

static int place(const struct workflow *x, const struct job_text *t, struct err *e)
{
	return err_wrap(e, "the value at line %u, column %u of %.200s", t->line, t->col, x->place);
}

/* NULL with e set. status functions are for conditions only. */
static const struct expr_value *evaluate(struct workflow *x, const struct job_text *t,
					 struct err *e)
{
	struct expr_scope scope = scope_of(x);
	struct expr run = { .a = x->a, .scope = &scope };
	const struct expr_value *v = expr_template(&run, t->text, strlen(t->text), e);
	if (!v)
		place(x, t, e);
	return v;
}

const char *workflow_text(struct workflow *x, const struct job_text *t, struct err *e)
{
	if (!strstr(t->text, "${{"))
		return t->text;
	const struct expr_value *v = evaluate(x, t, e);
	v = v ? expr_as_string(v, x->a, e) : NULL;
	if (!v)
		return NULL;
	if (strlen(v->text) == v->n)
		return v->text;
	err_set(e, EINVAL, "it holds a NUL");
	place(x, t, e);
	return NULL;
}

int workflow_condition(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
{
	struct expr_scope scope = scope_of(x);
	scope.status = status;
	struct expr run = { .a = x->a, .scope = &scope };
	if (workflow_put_job(x, e) < 0)
		return -1;
	return expr_condition(&run, t->text, strlen(t->text), ret, e) < 0 ? place(x, t, e) : 0;
}

int workflow_job_condition(struct workflow *x, bool *ret, struct err *e)
{
	const struct expr_value *needs = workflow_get(x->contexts, "needs");
	for (size_t i = 0; needs->kind == EXPR_OBJECT && i < needs->n; i++) {
		const struct expr_value *v = workflow_get(needs->pairs[i].value, "result");
		const char *result = v->kind == EXPR_STRING ? v->text : "";
		x->failed = x->failed || strcmp(result, "failure") == 0;
		x->unmet = x->unmet || strcmp(result, "success") != 0;
	}
	int r = workflow_condition(x, &x->job->condition, ret, e);
	x->failed = x->unmet = false;
	return r;
}

int workflow_flag(struct workflow *x, const struct job_text *t, bool *ret, struct err *e)
{
	const struct expr_value *v = *t->text ? evaluate(x, t, e) : &expr_false;
	if (!v)
		return -1;
	*ret = v->kind == EXPR_BOOL ? v->truth
				    : v->kind == EXPR_STRING && strcmp(v->text, "true") == 0;
	return 0;
}

int workflow_timeout(struct workflow *x, const struct job_text *t, uint64_t *ret_ms, struct err *e)
{
	const struct expr_value *v = *t->text ? evaluate(x, t, e) : &expr_null;
	if (!v)
		return -1;
	double minutes = expr_as_number(v);
	if (isnan(minutes) || minutes < 0 || minutes > MINUTES_MAX) {
		err_set(e, EINVAL, "timeout-minutes is no number of minutes");
		return place(x, t, e);
	}
	*ret_ms = (uint64_t)(minutes * 60000);
	return 0;
}
