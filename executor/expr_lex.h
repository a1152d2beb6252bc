/* The words of an expression, each legal behind the one before it. */
#ifndef EXECUTOR_EXPR_LEX_H
#define EXECUTOR_EXPR_LEX_H

#include "executor/expr.h"

enum expr_word {
	WORD_NONE, /* before the first */
	WORD_GROUP,
	WORD_INDEX,
	WORD_CALL,
	WORD_GROUP_END,
	WORD_INDEX_END,
	WORD_CALL_END,
	WORD_COMMA,
	WORD_DOT,
	WORD_STAR,
	WORD_OPERATOR,
	WORD_LITERAL,
	WORD_PROPERTY,
	WORD_FUNCTION,
	WORD_CONTEXT,
	WORD_END, /* behind the last */
};

struct expr_token {
	enum expr_word word;
	bool empty;                     /* of WORD_CALL_END: a call without arguments */
	size_t at, n;                   /* offset and bytes */
	const struct expr_value *value; /* of a literal and a property */
	const struct expr_operator *op; /* of an operator */
};

struct expr_lexer {
	struct expr *x;
	const char *text;
	size_t at, end;
	enum expr_word last;
	struct {
		unsigned char word; /* what opened it */
		size_t at;
	} * open; /* brackets that are not closed */
	size_t depth;
};

enum expr_node_kind {
	NODE_VALUE,
	NODE_STAR,
	NODE_INDEX,
	NODE_CALL,
	NODE_NOT,
	NODE_AND,
	NODE_OR,
	NODE_EQUAL,
	NODE_UNEQUAL,
	NODE_LESS,
	NODE_LESS_EQUAL,
	NODE_GREATER,
	NODE_GREATER_EQUAL,
	NODE_KINDS,
};

struct expr_operator {
	const char *text;
	unsigned precedence, operands;
	enum expr_node_kind node;
};

/* Over text[from..to). -1: out of memory. */
int expr_lexer_begin(struct expr_lexer *l, size_t from, size_t to, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The next word; WORD_END when there is none and every bracket is closed. -1: an error, with
 * x->fault. */
int expr_lexer_next(struct expr_lexer *l, struct expr_token *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
