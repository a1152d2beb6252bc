/* Expressions, templates and conditions of a workflow. Whatever comes of one: a value that is within
 * the limits, or an error that says where; the same twice; JSON that reads back as what was written. */
#include "executor/expr.h"
#include "executor/expr_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEMORY = 1 << 20, TEXT_MAX = 1 << 14 };

static const char contexts[] =
	"{\"github\":{\"ref\":\"refs/heads/main\",\"event\":{\"a\":[1,{\"b\":[2]}]}},"
	"\"env\":{\"A\":\"1\"},\"matrix\":{\"o\":[{\"n\":\"x\"},{\"n\":null}]}}";

static int status(void *arg, enum expr_status which, bool *ret, struct err *e)
{
	(void)arg;
	(void)e;
	*ret = which != EXPR_FAILURE;
	return 0;
}

static int hash_files(void *arg, const struct expr_patterns *p, char ret[65], struct err *e)
{
	(void)arg;
	(void)e;
	for (size_t i = 0; i < p->n; i++)
		ret[0] = p->texts[i][0] ? 'a' : 'b';
	return 0;
}

static void check_error(const struct expr *x, const char *text, size_t n, const struct err *e)
{
	struct err ignored = { 0 };
	autobuf caret = BUF(4096);
	if (e->code == 0 || strncmp(e->msg, "line ", 5) != 0 || x->fault > n)
		abort();
	if (expr_caret(&caret, text, n, x->fault, &ignored) < 0)
		abort();
}

/* What toJSON writes, fromJSON reads, and it is written the same again. */
static void check_json(const struct expr_value *v)
{
	struct err e = { 0 };
	struct arena a = ARENA(16 << 20);
	autobuf once = BUF(EXPR_TEXT_MAX), again = BUF(EXPR_TEXT_MAX);
	if (expr_json_write(&once, v, &e) < 0)
		return;
	const struct expr_value *read = expr_json_read(once.p, once.len, &a, &e);
	if (!read && !strstr(e.msg, "too deeply") && !strstr(e.msg, "memory limit"))
		abort();
	if (read && (expr_json_write(&again, read, &e) < 0 || again.len != once.len ||
		     memcmp(again.p, once.p, once.len) != 0))
		abort();
	arena_done(&a);
}

typedef const struct expr_value *evaluation(struct expr *x, const char *text, size_t n,
					    struct err *e);

static void evaluate(const struct expr_scope *scope, evaluation *how, const char *text, size_t n)
{
	struct err e = { 0 }, f = { 0 };
	struct arena a = ARENA(MEMORY), b = ARENA(MEMORY);
	struct expr x = { .a = &a, .scope = scope }, y = { .a = &b, .scope = scope };
	const struct expr_value *v = how(&x, text, n, &e), *w = how(&y, text, n, &f);
	if (!v != !w || strcmp(e.msg, f.msg) != 0)
		abort();
	if (v)
		check_json(v);
	else
		check_error(&x, text, n, &e);
	arena_done(&a);
	arena_done(&b);
}

static void decide(const struct expr_scope *scope, const char *text, size_t n)
{
	struct err e = { 0 };
	struct arena a = ARENA(MEMORY);
	struct expr x = { .a = &a, .scope = scope };
	bool yes;
	if (expr_condition(&x, text, n, &yes, &e) < 0)
		check_error(&x, text, n, &e);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	struct arena a = ARENA(MEMORY);
	autobuf text = BUF(TEXT_MAX);
	struct expr_scope scope = { .status = status, .hash_files = hash_files };
	scope.contexts = expr_json_read(contexts, sizeof contexts - 1, &a, &e);
	if (!scope.contexts)
		abort();
	if (n > 0 && buf_add(&text, data, n, &e) == 0) {
		evaluate(&scope, expr_eval, text.p, text.len);
		evaluate(&scope, expr_template, text.p, text.len);
		decide(&scope, text.p, text.len);
	}
	arena_done(&a);
	return 0;
}
