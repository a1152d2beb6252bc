/*
 * expr-eval: evaluate many expressions, for comparison with another evaluator.
 *
 * The first line of standard input holds the contexts, a JSON object; each other one an expression, a JSON
 * string. Each becomes a line: "= " and a JSON string that holds the value as toJSON writes it, or "! " and
 * the error as a JSON string.
 */
#include "base/fd.h"
#include "base/str.h"
#include "executor/expr.h"
#include "executor/expr_json.h"

#include <stdio.h>
#include <string.h>

enum { INPUT = 16 << 20, OUTPUT = 64 << 20 };

static int answer(const struct expr_value *v, struct err *wrong, struct buf *out, struct err *e)
{
	autobuf text = BUF(OUTPUT);
	if ((v ? expr_json_write(&text, v, e) : buf_str(&text, wrong->msg, e)) < 0)
		return -1;
	if (buf_str(out, v ? "= " : "! ", e) < 0)
		return -1;
	return str_json(out, buf_cstr(&text), text.len, e) < 0 ? -1 : buf_char(out, '\n', e);
}

static int evaluate(const struct expr_scope *scope, const char *line, size_t n, struct buf *out,
		    struct err *e)
{
	struct err wrong = { 0 };
	struct arena a = ARENA(EXPR_MEMORY);
	struct expr x = { .a = &a, .scope = scope };
	const struct expr_value *v = NULL, *text = expr_json_read(line, n, &a, e);
	int r = text ? 0 : -1;
	if (r == 0) {
		v = expr_eval(&x, text->text, text->n, &wrong);
		r = answer(v, &wrong, out, e);
	}
	arena_done(&a);
	return r;
}

static int run(struct arena *a, struct buf *out, struct err *e)
{
	autobuf in = BUF(INPUT);
	struct expr_scope scope = { .contexts = NULL };
	if (fd_read_all(STDIN_FILENO, &in, e) < 0)
		return -1;
	for (char *line = in.p, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		size_t n = (size_t)(end - line);
		if (scope.contexts) {
			if (evaluate(&scope, line, n, out, e) < 0)
				return -1;
			continue;
		}
		scope.contexts = expr_json_read(line, n, a, e);
		if (!scope.contexts)
			return -1;
	}
	return fd_write_all(STDOUT_FILENO, buf_cstr(out), out->len, e);
}

int main(void)
{
	struct err e = { 0 };
	struct arena a = ARENA(EXPR_MEMORY);
	autobuf out = BUF(OUTPUT);
	int r = run(&a, &out, &e);
	arena_done(&a);
	if (r < 0)
		fprintf(stderr, "expr-eval: %s\n", e.msg);
	return r < 0;
}
