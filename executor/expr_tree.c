/* Shunting yard, with two stacks: the depth of what is written costs no stack of ours. */
#include "executor/expr_tree.h"

#include "base/str.h"
#include "executor/fold.h"

#include <errno.h>
#include <string.h>

struct yard {
	struct expr *x;
	const char *text;
	struct expr_token *operators; /* brackets, commas and operators that wait for an operand */
	struct expr_node **operands;
	size_t noperators, noperands;
};

static struct expr_node *node_of(struct yard *y, enum expr_node_kind kind, size_t at, struct err *e)
{
	struct expr_node *node = arena_new(y->x->a, struct expr_node, e);
	if (!node)
		return NULL;
	node->kind = kind;
	node->depth = 1;
	node->at = at;
	y->operands[y->noperands++] = node;
	return node;
}

/* The list of operands beginning at `first` goes to the end of the node's. */
static void append(struct expr_node *node, struct expr_node *first, struct expr_node *last,
		   size_t n)
{
	if (node->last)
		node->last->next = first;
	else
		node->first = first;
	node->last = last;
	node->n += n;
}

/* The last n operands become the node's. "a && b && c" is one node: its depth does not grow. */
static int adopt(struct yard *y, struct expr_node *node, size_t n, struct err *e)
{
	bool flat = node->kind == NODE_AND || node->kind == NODE_OR;
	y->noperands -= n;
	for (size_t i = 0; i < n; i++) {
		struct expr_node *from = y->operands[y->noperands + i];
		bool merge = flat && from->kind == node->kind;
		unsigned depth = from->depth + !merge;
		if (merge)
			append(node, from->first, from->last, from->n);
		else
			append(node, from, from, 1);
		node->depth = depth > node->depth ? depth : node->depth;
	}
	if (node->depth > EXPR_DEPTH_MAX)
		return expr_fail(y->x, node->at, e, E2BIG, "the expression is more than %d deep",
				 EXPR_DEPTH_MAX);
	return 0;
}

static int reduce(struct yard *y, enum expr_node_kind kind, const struct expr_token *t,
		  struct err *e)
{
	size_t n = t->op ? t->op->operands : 2;
	struct expr_node *node = node_of(y, kind, t->at, e);
	if (!node)
		return -1;
	y->noperands--;
	if (adopt(y, node, n, e) < 0)
		return -1;
	y->operands[y->noperands++] = node;
	return 0;
}

static unsigned precedence(const struct expr_token *t)
{
	if (t->op)
		return t->op->precedence;
	return t->word == WORD_DOT ? 19 : 0;
}

/* Operators that bind at least so strongly, down to the last bracket or comma, get their operands. */
static int flush(struct yard *y, unsigned least, struct err *e)
{
	while (y->noperators) {
		const struct expr_token *top = &y->operators[y->noperators - 1];
		if (precedence(top) < least || precedence(top) == 0)
			return 0;
		y->noperators--;
		if (reduce(y, top->op ? top->op->node : NODE_INDEX, top, e) < 0)
			return -1;
	}
	return 0;
}

static int push_operator(struct yard *y, const struct expr_token *t, struct err *e)
{
	static const unsigned char least[WORD_END] = {
		[WORD_INDEX] = 19, [WORD_DOT] = 19, [WORD_COMMA] = 1
	};
	unsigned binds = t->op ? t->op->precedence : least[t->word];
	bool waits = (t->op && t->op->operands == 1) || binds == 0;
	if (!waits && flush(y, binds, e) < 0)
		return -1;
	y->operators[y->noperators++] = *t;
	return 0;
}

static int end_group(struct yard *y, const struct expr_token *t, struct err *e)
{
	(void)t;
	if (flush(y, 1, e) < 0)
		return -1;
	y->noperators--;
	return 0;
}

static int end_index(struct yard *y, const struct expr_token *t, struct err *e)
{
	(void)t;
	if (flush(y, 1, e) < 0)
		return -1;
	y->noperators--;
	return reduce(y, NODE_INDEX, &y->operators[y->noperators], e);
}

static int check_count(struct yard *y, const struct expr_node *call, struct err *e)
{
	const struct expr_function *f = call->function;
	if (call->n < f->min)
		return expr_fail(y->x, call->at, e, EINVAL, "%s needs %s%zu argument%s", f->name,
				 f->max > f->min ? "at least " : "", f->min,
				 f->min == 1 ? "" : "s");
	if (call->n > f->max)
		return expr_fail(y->x, call->at, e, EINVAL, "%s takes %s%zu argument%s", f->name,
				 f->max > f->min ? "at most " : "", f->max, f->max == 1 ? "" : "s");
	if (strcmp(f->name, "case") == 0 && call->n % 2 == 0)
		return expr_fail(y->x, call->at, e, EINVAL,
				 "case takes pairs and a default: an odd number of arguments");
	return 0;
}

static int end_call(struct yard *y, const struct expr_token *t, struct err *e)
{
	if (flush(y, 1, e) < 0)
		return -1;
	size_t n = t->empty ? 0 : 1;
	while (y->operators[y->noperators - 1].word == WORD_COMMA) {
		y->noperators--;
		n++;
	}
	y->noperators--;
	struct expr_node *call = y->operands[y->noperands - n - 1];
	if (adopt(y, call, n, e) < 0)
		return -1;
	return check_count(y, call, e);
}

static int push_value(struct yard *y, const struct expr_token *t, struct err *e)
{
	struct expr_node *node = node_of(y, t->word == WORD_STAR ? NODE_STAR : NODE_VALUE, t->at,
					 e);
	if (!node)
		return -1;
	node->value = t->value;
	return 0;
}

static int unknown_context(struct yard *y, const struct expr_token *t, struct err *e)
{
	enum { NAMES = 64 };
	const struct expr_value *contexts = y->x->scope->contexts;
	const char *names[NAMES], *near;
	size_t n = contexts->n < NAMES ? contexts->n : NAMES;
	autobuf name = BUF(EXPR_LENGTH_MAX * 4);
	for (size_t i = 0; i < n; i++)
		names[i] = contexts->pairs[i].key;
	if (buf_add(&name, y->text + t->at, t->n, e) < 0)
		return -1;
	near = str_nearest(buf_cstr(&name), names, n);
	return expr_fail(y->x, t->at, e, EINVAL, "unknown context \"%.80s\"%s%s%s", buf_cstr(&name),
			 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A context is looked up here: it does not change while an expression is evaluated. */
static int push_context(struct yard *y, const struct expr_token *t, struct err *e)
{
	const struct expr_value *v = expr_object_get(y->x->scope->contexts, y->text + t->at, t->n);
	if (!v)
		return unknown_context(y, t, e);
	struct expr_node *node = node_of(y, NODE_VALUE, t->at, e);
	if (!node)
		return -1;
	node->value = v;
	return 0;
}

static int push_function(struct yard *y, const struct expr_token *t, struct err *e)
{
	const struct expr_function *f = expr_function_find(y->x, t, y->text, e);
	struct expr_node *node = f ? node_of(y, NODE_CALL, t->at, e) : NULL;
	if (!node)
		return -1;
	node->function = f;
	return 0;
}

static int (*const takes[WORD_END])(struct yard *y, const struct expr_token *t, struct err *e) = {
	[WORD_GROUP] = push_operator,    [WORD_INDEX] = push_operator,
	[WORD_CALL] = push_operator,     [WORD_COMMA] = push_operator,
	[WORD_DOT] = push_operator,      [WORD_OPERATOR] = push_operator,
	[WORD_GROUP_END] = end_group,    [WORD_INDEX_END] = end_index,
	[WORD_CALL_END] = end_call,      [WORD_STAR] = push_value,
	[WORD_LITERAL] = push_value,     [WORD_PROPERTY] = push_value,
	[WORD_FUNCTION] = push_function, [WORD_CONTEXT] = push_context,
};

static int check_length(struct expr *x, const struct expr_span *s, struct err *e)
{
	size_t units = 0;
	for (size_t i = s->from; i < s->to; i++) {
		unsigned char c = (unsigned char)s->text[i];
		units += (c & 0xc0) != 0x80;
		units += c >= 0xf0;
	}
	if (units > EXPR_LENGTH_MAX)
		return expr_fail(x, s->from, e, E2BIG, "the expression has more than %d characters",
				 EXPR_LENGTH_MAX);
	return 0;
}

static int read_words(struct yard *y, struct expr_lexer *l, struct err *e)
{
	struct expr_token t;
	for (;;) {
		if (expr_lexer_next(l, &t, e) < 0)
			return -1;
		if (t.word == WORD_END)
			return flush(y, 1, e);
		if (takes[t.word](y, &t, e) < 0)
			return -1;
	}
}

const struct expr_node *expr_tree_parse(struct expr *x, const struct expr_span *s, bool *ret_blank,
					struct err *e)
{
	struct expr_lexer l = { .x = x, .text = s->text };
	struct yard y = { .x = x, .text = s->text };
	size_t room = s->to - s->from + 1;
	*ret_blank = false;
	if (check_length(x, s, e) < 0 || expr_lexer_begin(&l, s->from, s->to, e) < 0)
		return NULL;
	y.operators = arena_array(x->a, room, sizeof *y.operators, e);
	y.operands = y.operators ? arena_array(x->a, room, sizeof(struct expr_node *), e) : NULL;
	if (!y.operands || read_words(&y, &l, e) < 0)
		return NULL;
	*ret_blank = y.noperands == 0;
	return y.noperands ? y.operands[0] : NULL;
}

bool expr_tree_asks_status(const struct expr_node *node)
{
	if (node->kind == NODE_CALL && expr_function_is_status(node->function))
		return true;
	for (const struct expr_node *i = node->first; i; i = i->next)
		if (expr_tree_asks_status(i))
			return true;
	return false;
}
