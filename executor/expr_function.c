/* The functions, a row each. Arguments are evaluated when they are asked for, as in the runner. */
#include "executor/expr_tree.h"

#include "base/str.h"
#include "executor/expr_json.h"
#include "executor/fold.h"

#include <errno.h>
#include <string.h>

/* The value of an argument as a string, NULL when it has none (*ret_none) or for an error. */
static const struct expr_value *string_of(struct expr *x, const struct expr_node *node,
					  struct err *e)
{
	const struct expr_value *v = expr_tree_eval(x, node, e);
	return v ? expr_as_string(v, x->a, e) : NULL;
}

static const struct expr_value *taken(struct expr *x, const struct buf *b, struct err *e)
{
	return expr_string(buf_cstr(b), b->len, x->a, e);
}

/* --- searching ------------------------------------------------------------------------------------ */

/* Where to look for what, both in upper case. */
struct search {
	struct buf text, what;
	bool found;
};

static void search_contains(struct search *s)
{
	s->found = s->what.len == 0 ||
		   memmem(buf_cstr(&s->text), s->text.len, s->what.p, s->what.len);
}

static void search_starts(struct search *s)
{
	s->found = s->what.len <= s->text.len &&
		   memcmp(buf_cstr(&s->text), buf_cstr(&s->what), s->what.len) == 0;
}

static void search_ends(struct search *s)
{
	s->found = s->what.len <= s->text.len &&
		   memcmp(buf_cstr(&s->text) + s->text.len - s->what.len, buf_cstr(&s->what),
			  s->what.len) == 0;
}

static int upper_of(struct expr *x, const struct expr_value *v, struct buf *out, struct err *e)
{
	const struct expr_value *s = expr_as_string(v, x->a, e);
	if (!s)
		return -1;
	out->max = FOLD_GROWTH * s->n + 16;
	return fold_upper(out, s->text, s->n, e);
}

/* False unless both arguments are primitive. */
static const struct expr_value *search(struct expr *x, const struct expr_value *in,
				       const struct expr_node *what, void (*how)(struct search *s),
				       struct err *e)
{
	struct search s = { .found = false };
	if (!expr_is_primitive(in))
		return &expr_false;
	const struct expr_value *v = expr_tree_eval(x, what, e);
	if (!v || !expr_is_primitive(v))
		return v ? &expr_false : NULL;
	bool ok = upper_of(x, in, &s.text, e) == 0 && upper_of(x, v, &s.what, e) == 0;
	if (ok)
		how(&s);
	buf_done(&s.text);
	buf_done(&s.what);
	return ok ? expr_bool(s.found) : NULL;
}

static const struct expr_value *call_contains(struct expr *x, const struct expr_node *node,
					      struct err *e)
{
	const struct expr_value *in = expr_tree_eval(x, node->first, e);
	if (!in || in->kind != EXPR_ARRAY || in->n == 0)
		return in ? search(x, in, node->last, search_contains, e) : NULL;
	const struct expr_value *what = expr_tree_eval(x, node->last, e);
	if (!what)
		return NULL;
	for (size_t i = 0; i < in->n; i++)
		if (expr_equal(what, in->items[i]))
			return &expr_true;
	return &expr_false;
}

static const struct expr_value *call_starts(struct expr *x, const struct expr_node *node,
					    struct err *e)
{
	const struct expr_value *in = expr_tree_eval(x, node->first, e);
	return in ? search(x, in, node->last, search_starts, e) : NULL;
}

static const struct expr_value *call_ends(struct expr *x, const struct expr_node *node,
					  struct err *e)
{
	const struct expr_value *in = expr_tree_eval(x, node->first, e);
	return in ? search(x, in, node->last, search_ends, e) : NULL;
}

/* --- making text ---------------------------------------------------------------------------------- */

/* format: its text, where in it, and its arguments, each evaluated once. */
struct format {
	struct expr *x;
	const struct expr_node *node;
	const struct expr_value *text;
	size_t at;
	const struct expr_value **arguments;
	struct buf out;
};

static int format_fault(const struct format *f, const char *what, struct err *e)
{
	return expr_fail(f->x, f->node->at, e, EINVAL, "format: %s, at character %zu of its text",
			 what, f->at + 1);
}

static const struct expr_value *format_argument(struct format *f, size_t i, struct err *e)
{
	const struct expr_node *n = f->node->first->next;
	if (f->arguments[i])
		return f->arguments[i];
	for (size_t k = 0; k < i; k++)
		n = n->next;
	f->arguments[i] = string_of(f->x, n, e);
	return f->arguments[i];
}

/* The number behind the '{' at f->at; *at becomes where it ends. -1 when there is none up to 255. */
static int place_number(const struct format *f, size_t *at)
{
	const char *s = f->text->text;
	size_t i = f->at + 1, begin = i;
	int n = 0;
	while (i < f->text->n && s[i] >= '0' && s[i] <= '9' && n < 256)
		n = n * 10 + (s[i++] - '0');
	*at = i;
	return i > begin && n < 256 ? n : -1;
}

/* A single '{': "{N}". */
static int format_place(struct format *f, struct err *e)
{
	const char *s = f->text->text;
	size_t at;
	int i = place_number(f, &at);
	if (i < 0)
		return format_fault(f, "a number from 0 to 255 is expected behind \"{\"", e);
	if (f->text->n - at >= 2 && memcmp(s + at, ":}", 2) == 0)
		at++;
	if (at < f->text->n && s[at] == ':')
		return format_fault(f, "there are no format specifiers", e);
	if (at == f->text->n || s[at] != '}')
		return format_fault(f, "\"{\" is not closed", e);
	if ((size_t)i + 2 > f->node->n)
		return format_fault(f, "there is no argument of that number", e);
	const struct expr_value *v = format_argument(f, (size_t)i, e);
	f->at = at + 1;
	return v ? buf_add(&f->out, v->text, v->n, e) : -1;
}

/* At a brace: two of them are one, '{' begins a place. */
static int format_brace(struct format *f, struct err *e)
{
	char brace = f->text->text[f->at];
	if (f->at + 1 < f->text->n && f->text->text[f->at + 1] == brace) {
		f->at += 2;
		return buf_char(&f->out, brace, e);
	}
	return brace == '{' ? format_place(f, e) : format_fault(f, "a single \"}\"", e);
}

static int format_all(struct format *f, struct err *e)
{
	const char *s = f->text->text;
	while (f->at < f->text->n) {
		size_t begin = f->at;
		while (f->at < f->text->n && s[f->at] != '{' && s[f->at] != '}')
			f->at++;
		if (buf_add(&f->out, s + begin, f->at - begin, e) < 0)
			return -1;
		if (f->at < f->text->n && format_brace(f, e) < 0)
			return -1;
	}
	return 0;
}

static const struct expr_value *call_format(struct expr *x, const struct expr_node *node,
					    struct err *e)
{
	struct format f = { .x = x, .node = node, .out = BUF(EXPR_TEXT_MAX) };
	f.text = string_of(x, node->first, e);
	f.arguments = f.text ? arena_array(x->a, node->n, sizeof(struct expr_value *), e) : NULL;
	const struct expr_value *v = NULL;
	if (f.arguments && format_all(&f, e) == 0)
		v = taken(x, &f.out, e);
	buf_done(&f.out);
	return v;
}

static int join_items(struct expr *x, const struct expr_value *array, const struct expr_value *by,
		      struct buf *out, struct err *e)
{
	for (size_t i = 0; i < array->n; i++) {
		const struct expr_value *s = expr_as_string(array->items[i], x->a, e);
		if (!s || (i && buf_add(out, by->text, by->n, e) < 0) ||
		    buf_add(out, s->text, s->n, e) < 0)
			return -1;
	}
	return 0;
}

static const struct expr_value *call_join(struct expr *x, const struct expr_node *node,
					  struct err *e)
{
	static const struct expr_value comma = { .kind = EXPR_STRING, .text = ",", .n = 1 };
	autobuf out = BUF(EXPR_TEXT_MAX);
	const struct expr_value *by = &comma, *v = expr_tree_eval(x, node->first, e);
	if (!v)
		return NULL;
	if (expr_is_primitive(v))
		return expr_as_string(v, x->a, e);
	if (v->kind == EXPR_OBJECT)
		return &expr_empty;
	if (v->n > 1 && node->n > 1) {
		by = expr_tree_eval(x, node->last, e);
		if (!by)
			return NULL;
		by = expr_is_primitive(by) ? expr_as_string(by, x->a, e) : &comma;
	}
	return by && join_items(x, v, by, &out, e) == 0 ? taken(x, &out, e) : NULL;
}

static const struct expr_value *call_to_json(struct expr *x, const struct expr_node *node,
					     struct err *e)
{
	autobuf out = BUF(EXPR_TEXT_MAX);
	const struct expr_value *v = expr_tree_eval(x, node->first, e);
	if (!v)
		return NULL;
	if (expr_json_write(&out, v, e) == 0)
		return taken(x, &out, e);
	err_wrap(e, "toJSON");
	return NULL;
}

static const struct expr_value *call_from_json(struct expr *x, const struct expr_node *node,
					       struct err *e)
{
	const struct expr_value *v = string_of(x, node->first, e);
	if (!v)
		return NULL;
	v = expr_json_read(v->text, v->n, x->a, e);
	if (!v)
		err_wrap(e, "fromJSON: the JSON text");
	return v;
}

/* --- the others ----------------------------------------------------------------------------------- */

static const struct expr_value *call_case(struct expr *x, const struct expr_node *node,
					  struct err *e)
{
	const struct expr_node *n = node->first;
	for (; n->next; n = n->next->next) {
		const struct expr_value *v = expr_tree_eval(x, n, e);
		if (!v)
			return NULL;
		if (v->kind != EXPR_BOOL) {
			expr_fail(x, n->at, e, EINVAL, "case: a predicate must be true or false");
			return NULL;
		}
		if (v->truth)
			return expr_tree_eval(x, n->next, e);
	}
	return expr_tree_eval(x, n, e);
}

static const struct expr_value *call_status(struct expr *x, const struct expr_node *node,
					    struct err *e)
{
	bool is = false;
	if (x->scope->status(x->scope->arg, node->function->status, &is, e) < 0)
		return NULL;
	return expr_bool(is);
}

static int patterns_of(struct expr *x, const struct expr_node *node, const char **texts,
		       struct expr_patterns *ret, struct err *e)
{
	for (const struct expr_node *n = node->first; n; n = n->next) {
		const struct expr_value *v = string_of(x, n, e);
		if (!v)
			return -1;
		if (n != node->first || !str_starts(v->text, "--")) {
			texts[ret->n++] = v->text;
			continue;
		}
		ret->follow_links = fold_equal(v->text, v->n, "--follow-symbolic-links", 23);
		if (!ret->follow_links)
			return expr_fail(x, n->at, e, EINVAL,
					 "hashFiles: its only option is --follow-symbolic-links");
	}
	return 0;
}

static const struct expr_value *call_hash_files(struct expr *x, const struct expr_node *node,
						struct err *e)
{
	const char **texts = arena_array(x->a, node->n, sizeof *texts, e);
	struct expr_patterns p = { .texts = texts };
	char hash[65] = "";
	if (!texts || patterns_of(x, node, texts, &p, e) < 0 ||
	    x->scope->hash_files(x->scope->arg, &p, hash, e) < 0)
		return NULL;
	return expr_string(hash, strlen(hash), x->a, e);
}

enum { MANY = 255 };

static const struct expr_function functions[] = {
	{ "case", 3, MANY, call_case, 0 },
	{ "contains", 2, 2, call_contains, 0 },
	{ "endsWith", 2, 2, call_ends, 0 },
	{ "format", 1, MANY, call_format, 0 },
	{ "fromJSON", 1, 1, call_from_json, 0 },
	{ "join", 1, 2, call_join, 0 },
	{ "startsWith", 2, 2, call_starts, 0 },
	{ "toJSON", 1, 1, call_to_json, 0 },
	{ "hashFiles", 1, MANY, call_hash_files, 0 },
	{ "success", 0, 0, call_status, EXPR_SUCCESS },
	{ "failure", 0, 0, call_status, EXPR_FAILURE },
	{ "always", 0, 0, call_status, EXPR_ALWAYS },
	{ "cancelled", 0, 0, call_status, EXPR_CANCELLED },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

bool expr_function_is_status(const struct expr_function *f)
{
	return f->call == call_status;
}

static bool is_known(const struct expr_scope *scope, const struct expr_function *f)
{
	if (f->call == call_status)
		return scope->status;
	return f->call != call_hash_files || scope->hash_files;
}

static int unknown(struct expr *x, const struct expr_token *t, const char *name, struct err *e)
{
	const char *names[FUNCTIONS];
	for (size_t i = 0; i < FUNCTIONS; i++)
		names[i] = functions[i].name;
	const char *near = str_nearest(name, names, FUNCTIONS);
	return expr_fail(x, t->at, e, EINVAL, "unknown function \"%.80s\"%s%s%s", name,
			 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

const struct expr_function *expr_function_find(struct expr *x, const struct expr_token *name,
					       const char *text, struct err *e)
{
	autobuf shown = BUF(EXPR_LENGTH_MAX);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		const struct expr_function *f = &functions[i];
		if (!fold_equal(text + name->at, name->n, f->name, strlen(f->name)))
			continue;
		if (is_known(x->scope, f))
			return f;
		expr_fail(x, name->at, e, EINVAL, "%s cannot be called here", f->name);
		return NULL;
	}
	if (buf_add(&shown, text + name->at, name->n, e) == 0)
		unknown(x, name, buf_cstr(&shown), e);
	return NULL;
}
