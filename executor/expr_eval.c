/* The values of nodes: a function a kind. */
#include "executor/expr_tree.h"

#include <errno.h>

typedef const struct expr_value *expr_rule(struct expr *x, const struct expr_node *node,
					   struct err *e);

static const struct expr_value *eval_value(struct expr *x, const struct expr_node *node,
					   struct err *e)
{
	(void)x;
	(void)e;
	return node->value;
}

static const struct expr_value *eval_call(struct expr *x, const struct expr_node *node,
					  struct err *e)
{
	return node->function->call(x, node, e);
}

static const struct expr_value *eval_not(struct expr *x, const struct expr_node *node,
					 struct err *e)
{
	const struct expr_value *v = expr_tree_eval(x, node->first, e);
	return v ? expr_bool(!expr_is_true(v)) : NULL;
}

/* The first operand that decides, else the last. */
static const struct expr_value *eval_logical(struct expr *x, const struct expr_node *node,
					     struct err *e)
{
	const struct expr_value *v = &expr_null;
	for (const struct expr_node *i = node->first; i; i = i->next) {
		v = expr_tree_eval(x, i, e);
		if (!v || expr_is_true(v) == (node->kind == NODE_OR))
			return v;
	}
	return v;
}

static const struct expr_value *eval_compare(struct expr *x, const struct expr_node *node,
					     struct err *e)
{
	static const struct {
		bool equal, less, greater, not ;
	} of[NODE_KINDS] = {
		[NODE_EQUAL] = { .equal = true },
		[NODE_UNEQUAL] = { .equal = true, .not = true },
		[NODE_LESS] = { .less = true },
		[NODE_LESS_EQUAL] = { .less = true, .equal = true },
		[NODE_GREATER] = { .greater = true },
		[NODE_GREATER_EQUAL] = { .greater = true, .equal = true },
	};
	enum expr_node_kind k = node->kind;
	const struct expr_value *a = expr_tree_eval(x, node->first, e);
	const struct expr_value *b = a ? expr_tree_eval(x, node->last, e) : NULL;
	if (!b)
		return NULL;
	bool is = (of[k].equal && expr_equal(a, b)) || (of[k].less && expr_less(a, b)) ||
		  (of[k].greater && expr_less(b, a));
	return expr_bool(is != of[k].not );
}

/* --- indexes -------------------------------------------------------------------------------------- */

/* An index: '*', or as a key and as a position, where it can be one. */
struct subscript {
	bool star;
	const struct expr_value *key;
	size_t position; /* SIZE_MAX: none */
};

static int subscript_of(struct expr *x, const struct expr_node *node, struct subscript *ret,
			struct err *e)
{
	*ret = (struct subscript){ .star = node->kind == NODE_STAR, .position = SIZE_MAX };
	if (ret->star)
		return 0;
	const struct expr_value *v = expr_tree_eval(x, node, e);
	if (!v)
		return -1;
	if (expr_is_primitive(v)) {
		ret->key = expr_as_string(v, x->a, e);
		if (!ret->key)
			return -1;
	}
	double d = expr_as_number(v);
	if (d >= 0 && d < (double)INT32_MAX + 1)
		ret->position = (size_t)d;
	return 0;
}

/* All of v's items or values go into the array. */
static int spread(struct expr *x, struct expr_value *array, const struct expr_value *v,
		  struct err *e)
{
	for (size_t i = 0; i < v->n; i++)
		if (expr_array_add(array, v->kind == EXPR_ARRAY ? v->items[i] : v->pairs[i].value,
				   x->a, e) < 0)
			return -1;
	return 0;
}

/* One item or value: NULL when there is none. */
static const struct expr_value *pick(const struct expr_value *v, const struct subscript *s)
{
	if (v->kind == EXPR_OBJECT)
		return s->key ? expr_object_get(v, s->key->text, s->key->n) : NULL;
	return v->kind == EXPR_ARRAY && s->position < v->n ? v->items[s->position] : NULL;
}

static int filter_item(struct expr *x, struct expr_value *array, const struct expr_value *item,
		       const struct subscript *s, struct err *e)
{
	if (expr_is_primitive(item))
		return 0;
	if (s->star)
		return spread(x, array, item, e);
	const struct expr_value *v = pick(item, s);
	return v ? expr_array_add(array, v, x->a, e) : 0;
}

static const struct expr_value *filter(struct expr *x, const struct expr_value *v,
				       const struct subscript *s, struct err *e)
{
	struct expr_value *array = expr_array_new(x->a, e);
	if (!array)
		return NULL;
	array->filtered = true;
	if (!v->filtered)
		return expr_is_primitive(v) || spread(x, array, v, e) == 0 ? array : NULL;
	for (size_t i = 0; i < v->n; i++)
		if (filter_item(x, array, v->items[i], s, e) < 0)
			return NULL;
	return array;
}

static const struct expr_value *eval_index(struct expr *x, const struct expr_node *node,
					   struct err *e)
{
	struct subscript s = { .star = node->last->kind == NODE_STAR };
	const struct expr_value *v = expr_tree_eval(x, node->first, e);
	if (!v)
		return NULL;
	if (expr_is_primitive(v) && !s.star)
		return &expr_null;
	if (subscript_of(x, node->last, &s, e) < 0)
		return NULL;
	if (s.star || v->filtered)
		return filter(x, v, &s, e);
	const struct expr_value *picked = pick(v, &s);
	return picked ? picked : &expr_null;
}

static expr_rule *const rules[NODE_KINDS] = {
	[NODE_VALUE] = eval_value,     [NODE_INDEX] = eval_index,
	[NODE_CALL] = eval_call,       [NODE_NOT] = eval_not,
	[NODE_AND] = eval_logical,     [NODE_OR] = eval_logical,
	[NODE_EQUAL] = eval_compare,   [NODE_UNEQUAL] = eval_compare,
	[NODE_LESS] = eval_compare,    [NODE_LESS_EQUAL] = eval_compare,
	[NODE_GREATER] = eval_compare, [NODE_GREATER_EQUAL] = eval_compare,
};

const struct expr_value *expr_tree_eval(struct expr *x, const struct expr_node *node, struct err *e)
{
	if (!rules[node->kind]) {
		expr_fail(x, node->at, e, EINVAL, "\"*\" is no value");
		return NULL;
	}
	const struct expr_value *v = rules[node->kind](x, node, e);
	if (!v && x->fault == EXPR_NOWHERE)
		x->fault = node->at;
	return v;
}
