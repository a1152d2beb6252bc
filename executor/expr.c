#include "executor/expr.h"

#include "base/utf8.h"
#include "executor/expr_tree.h"

#include "executor/fold.h"

#include <errno.h>
#include <string.h>

/* The fault's line and column go before what e says. */
static void place(struct expr *x, const struct expr_span *s, struct err *e)
{
	size_t line = 1, column = 1;
	if (x->fault == EXPR_NOWHERE)
		x->fault = s->from;
	for (size_t i = 0; i < x->fault; i++) {
		column += ((unsigned char)s->text[i] & 0xc0) != 0x80;
		if (s->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	err_wrap(e, "line %zu, column %zu", line, column);
}

/* The expression's tree; NULL when it is blank or wrong. */
static const struct expr_node *parse(struct expr *x, const struct expr_span *s, bool *ret_blank,
				     struct err *e)
{
	x->fault = EXPR_NOWHERE;
	return expr_tree_parse(x, s, ret_blank, e);
}

static const struct expr_value *eval(struct expr *x, const struct expr_span *s, struct err *e)
{
	bool blank;
	const struct expr_node *tree = parse(x, s, &blank, e);
	if (blank)
		expr_fail(x, s->from, e, EINVAL, "an expression is missing here");
	return tree ? expr_tree_eval(x, tree, e) : NULL;
}

const struct expr_value *expr_eval(struct expr *x, const char *text, size_t n, struct err *e)
{
	struct expr_span s = { text, 0, n };
	const struct expr_value *v = eval(x, &s, e);
	if (!v)
		place(x, &s, e);
	return v;
}

/* --- templates ------------------------------------------------------------------------------------ */

static bool opens(const char *text, size_t n, size_t at)
{
	return n - at >= 3 && memcmp(text + at, "${{", 3) == 0;
}

/* s->from stands at "${{": s becomes what is between it and its "}}", outside of strings. */
static int between(struct expr *x, struct expr_span *s, size_t n, struct err *e)
{
	bool string = false;
	size_t begin = s->from;
	s->from += 3;
	for (size_t i = s->from; i < n; i++) {
		if (s->text[i] == '\'')
			string = !string;
		if (string || s->text[i] != '}' || s->text[i - 1] != '}')
			continue;
		s->to = i - 1;
		return 0;
	}
	return expr_fail(x, begin, e, EINVAL, "\"${{\" is not closed by \"}}\"");
}

/* Whether all of the text is one ${{ }}: then what is in it. 0 no, 1 yes, -1 an error. */
static int alone(struct expr *x, struct expr_span *s, size_t n, struct err *e)
{
	s->from = 0;
	if (!opens(s->text, n, 0))
		return 0;
	if (between(x, s, n, e) < 0)
		return -1;
	return s->to + 2 == n;
}

static int add_value(struct expr *x, const struct expr_span *s, struct buf *out, struct err *e)
{
	const struct expr_value *v = eval(x, s, e);
	v = v ? expr_as_string(v, x->a, e) : NULL;
	return v ? buf_add(out, v->text, v->n, e) : -1;
}

static int add_parts(struct expr *x, struct expr_span *s, size_t n, struct buf *out, struct err *e)
{
	size_t at = 0;
	while (at < n) {
		size_t plain = at;
		while (plain < n && !opens(s->text, n, plain))
			plain++;
		if (buf_add(out, s->text + at, plain - at, e) < 0)
			return -1;
		if (plain == n)
			return 0;
		s->from = plain;
		if (between(x, s, n, e) < 0 || add_value(x, s, out, e) < 0)
			return -1;
		at = s->to + 2;
	}
	return 0;
}

static const struct expr_value *template(struct expr *x, struct expr_span *s, size_t n,
					 struct err *e)
{
	autobuf out = BUF(EXPR_TEXT_MAX);
	int whole = alone(x, s, n, e);
	if (whole)
		return whole > 0 ? eval(x, s, e) : NULL;
	if (add_parts(x, s, n, &out, e) < 0)
		return NULL;
	return expr_string(buf_cstr(&out), out.len, x->a, e);
}

const struct expr_value *expr_template(struct expr *x, const char *text, size_t n, struct err *e)
{
	struct expr_span s = { text, 0, n };
	x->fault = EXPR_NOWHERE;
	const struct expr_value *v = template(x, &s, n, e);
	if (!v)
		place(x, &s, e);
	return v;
}

/* --- conditions ----------------------------------------------------------------------------------- */

static int succeeded(struct expr *x, bool *ret, struct err *e)
{
	return x->scope->status(x->scope->arg, EXPR_SUCCESS, ret, e);
}

static bool is_blank(const struct expr_span *s)
{
	size_t at = s->from, space = 1;
	while (at < s->to && space > 0) {
		space = fold_space(s->text + at, s->to - at);
		at += space;
	}
	return at == s->to;
}

/* The value of a tree, after success() where nothing in it asks how the job stands. */
static int decide(struct expr *x, const struct expr_node *tree, bool *ret, struct err *e)
{
	bool go = true;
	if (!expr_tree_asks_status(tree) && succeeded(x, &go, e) < 0)
		return -1;
	const struct expr_value *v = go ? expr_tree_eval(x, tree, e) : &expr_false;
	if (!v)
		return -1;
	*ret = expr_is_true(v);
	return 0;
}

static int bare(struct expr *x, const struct expr_span *s, bool *ret, struct err *e)
{
	if (is_blank(s))
		return succeeded(x, ret, e);
	bool blank;
	const struct expr_node *tree = parse(x, s, &blank, e);
	return tree ? decide(x, tree, ret, e) : -1;
}

/* The string in ${{ '...' }} is itself the condition: that is how the runner reads a template. */
static int quoted(struct expr *x, const struct expr_node *tree, bool *ret, struct err *e)
{
	struct expr_span s = { tree->value->text, 0, tree->value->n };
	if (bare(x, &s, ret, e) == 0)
		return 0;
	x->fault = tree->at;
	return -1;
}

static int single(struct expr *x, const struct expr_span *s, bool *ret, struct err *e)
{
	bool blank;
	const struct expr_node *tree = parse(x, s, &blank, e);
	if (blank)
		return expr_fail(x, s->from, e, EINVAL, "an expression is missing here");
	if (!tree)
		return -1;
	if (tree->kind == NODE_VALUE && s->text[tree->at] == '\'')
		return quoted(x, tree, ret, e);
	return decide(x, tree, ret, e);
}

/* Whether any ${{ }} of the text asks how the job stands. */
static int any_asks(struct expr *x, struct expr_span *s, size_t n, bool *ret, struct err *e)
{
	*ret = false;
	for (size_t at = 0; at < n; at++) {
		bool blank;
		if (!opens(s->text, n, at))
			continue;
		s->from = at;
		if (between(x, s, n, e) < 0)
			return -1;
		const struct expr_node *tree = parse(x, s, &blank, e);
		if (!tree && !blank)
			return -1;
		*ret = *ret || (tree && expr_tree_asks_status(tree));
		at = s->to + 1;
	}
	return 0;
}

static int mixed(struct expr *x, struct expr_span *s, size_t n, bool *ret, struct err *e)
{
	bool asks, go = true;
	if (any_asks(x, s, n, &asks, e) < 0 || (!asks && succeeded(x, &go, e) < 0))
		return -1;
	const struct expr_value *v = template(x, s, n, e);
	if (!v)
		return -1;
	*ret = go && expr_is_true(v);
	return 0;
}

static int condition(struct expr *x, struct expr_span *s, bool *ret, struct err *e)
{
	size_t n = s->to;
	if (!memmem(s->text, n, "${{", 3))
		return bare(x, s, ret, e);
	int whole = alone(x, s, n, e);
	if (whole < 0)
		return -1;
	return whole ? single(x, s, ret, e) : mixed(x, s, n, ret, e);
}

int expr_condition(struct expr *x, const char *text, size_t n, bool *ret, struct err *e)
{
	struct expr_span s = { text, 0, n };
	x->fault = EXPR_NOWHERE;
	if (condition(x, &s, ret, e) == 0)
		return 0;
	place(x, &s, e);
	return -1;
}
