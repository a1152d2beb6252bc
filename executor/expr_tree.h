/* An expression as a tree of nodes, and the value of one. */
#ifndef EXECUTOR_EXPR_TREE_H
#define EXECUTOR_EXPR_TREE_H

#include "executor/expr_lex.h"

struct expr_node {
	enum expr_node_kind kind;
	unsigned depth; /* nodes from here to the furthest leaf */
	size_t at;      /* offset in the text */
	size_t n;       /* operands */
	struct expr_node *first, *last, *next;
	const struct expr_value *value;       /* of a NODE_VALUE */
	const struct expr_function *function; /* of a NODE_CALL */
};

struct expr_function {
	const char *name;
	size_t min, max; /* arguments */
	const struct expr_value *(*call)(struct expr *x, const struct expr_node *node,
					 struct err *e);
	enum expr_status status; /* which, of a status function */
};

/* The tree of text[from..to). NULL with *ret_blank: there is nothing in it. NULL otherwise: an error,
 * with x->fault. */
struct expr_span {
	const char *text;
	size_t from, to;
};
const struct expr_node *expr_tree_parse(struct expr *x, const struct expr_span *s, bool *ret_blank,
					struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whether a status function is called anywhere in it. */
bool expr_tree_asks_status(const struct expr_node *node) __attribute__((nonnull));

/* Its value; NULL with x->fault. */
const struct expr_value *expr_tree_eval(struct expr *x, const struct expr_node *node, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* x->fault as long as nothing has said where it is. */
#define EXPR_NOWHERE ((size_t)-1)

/* Set fault and message; returns -1. */
#define expr_fail(x, where, ...) ((x)->fault = (where), err_set(__VA_ARGS__))

/* The function of that name and what is wrong with calling it there: NULL with e and x->fault set. */
const struct expr_function *expr_function_find(struct expr *x, const struct expr_token *name,
					       const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));
bool expr_function_is_status(const struct expr_function *f) __attribute__((nonnull));

#endif
