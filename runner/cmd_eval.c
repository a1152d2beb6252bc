/* courser eval: an expression of a workflow, evaluated where its author sits. */
#include "runner/cmd.h"

#include "base/fd.h"
#include "executor/expr.h"
#include "executor/expr_json.h"
#include "executor/fold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { CONTEXT_BYTES = 16 << 20, OUT_BYTES = 64 << 20, CARET_BYTES = 4 << 10 };

/* These may be named whether the file has them or not: absent ones are null. */
static const char *const contexts[] = { "github",   "gitea",  "forge", "env",   "vars",
					"secrets",  "job",    "jobs",  "steps", "runner",
					"strategy", "matrix", "needs", "inputs" };

/* As the context job.status says; a job that says nothing has succeeded so far. */
static int status(void *arg, enum expr_status which, bool *ret, struct err *e)
{
	static const char *const names[] = { "success", "failure", NULL, "cancelled" };
	const struct expr_value *const *scope = arg;
	const struct expr_value *job = expr_object_get(*scope, "job", 3), *is = NULL;
	(void)e;
	if (job && job->kind == EXPR_OBJECT)
		is = expr_object_get(job, "status", 6);
	if (!names[which])
		*ret = true;
	else if (is && is->kind == EXPR_STRING)
		*ret = fold_equal(is->text, is->n, names[which], strlen(names[which]));
	else
		*ret = which == EXPR_SUCCESS;
	return 0;
}

/* The file's contexts, NULL when it is not what it should be. */
static const struct expr_value *read_file(const char *path, struct arena *a, struct err *e)
{
	autobuf text = BUF(CONTEXT_BYTES);
	bool in = strcmp(path, "-") == 0;
	if ((in ? fd_read_all(STDIN_FILENO, &text, e) : fd_read_file(path, &text, e)) < 0)
		return NULL;
	const struct expr_value *v = expr_json_read(buf_cstr(&text), text.len, a, e);
	if (v && v->kind == EXPR_OBJECT)
		return v;
	if (v)
		err_set(e, EINVAL, "contexts are a JSON object");
	err_wrap(e, "%s", in ? "standard input" : path);
	return NULL;
}

static const struct expr_value *contexts_of(const char *path, struct arena *a, struct err *e)
{
	struct expr_value *all = expr_object_new(a, e);
	const struct expr_value *file = all && path ? read_file(path, a, e) : all;
	if (!file)
		return NULL;
	for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
		struct expr_pair p = { contexts[i], strlen(contexts[i]), &expr_null };
		if (expr_object_set(all, &p, a, e) < 0)
			return NULL;
	}
	for (size_t i = 0; path && i < file->n; i++)
		if (expr_object_set(all, &file->pairs[i], a, e) < 0)
			return NULL;
	return all;
}

/* The error, and the place under a caret. What e said is said then. */
static int show_fault(const struct expr *x, const char *text, struct err *e)
{
	struct err ignored = { 0 };
	autobuf caret = BUF(CARET_BYTES);
	if (expr_caret(&caret, text, strlen(text), x->fault, &ignored) < 0)
		buf_clear(&caret);
	fprintf(stderr, "courser: error: %s\n%s", e->msg, buf_cstr(&caret));
	err_clear(e);
	return CMD_EXPRESSION;
}

static int print_value(const struct expr_value *v, struct err *e)
{
	autobuf out = BUF(OUT_BYTES);
	if (expr_json_write(&out, v, e) < 0 || buf_char(&out, '\n', e) < 0)
		return EX_SOFTWARE;
	return cmd_print(&out, e);
}

/* "${{" before any string: a text of a workflow, not an expression. */
static bool is_template(const char *text)
{
	const char *opens = strstr(text, "${{"), *quote = strchr(text, '\'');
	return opens && (!quote || opens < quote);
}

static int eval(const struct command_line *l, struct arena *a, struct err *e)
{
	const char *text = l->operands[0];
	const struct expr_value *all = contexts_of(command_value(l, "context"), a, e);
	if (!all)
		return e->code == ENOENT || e->code == EACCES ? EX_NOINPUT : EX_DATAERR;
	struct expr_scope scope = { .contexts = all, .status = status, .arg = &all };
	struct expr x = { .a = a, .scope = &scope };
	const struct expr_value *v = is_template(text) ? expr_template(&x, text, strlen(text), e)
						       : expr_eval(&x, text, strlen(text), e);
	return v ? print_value(v, e) : show_fault(&x, text, e);
}

int cmd_eval(const struct command_line *l, struct err *e)
{
	struct arena a = ARENA(EXPR_MEMORY);
	int r = eval(l, &a, e);
	arena_done(&a);
	return r;
}
