/*
 * The expression language of GitHub Actions, as GitHub's own runner evaluates it: operators that
 * return an operand, '*' filters, text without regard to case, the functions of the documentation and
 * case(). Pure: what an expression may ask of the outside comes by two callbacks.
 *
 * Limits are GitHub's: EXPR_LENGTH_MAX characters (UTF-16 units) in one expression, EXPR_DEPTH_MAX
 * nodes from its root to a leaf ("&&" and "||" in a row are one). What format, join, toJSON and a
 * template make is at most EXPR_TEXT_MAX bytes, everything together what the arena's limit allows.
 */
#ifndef EXECUTOR_EXPR_H
#define EXECUTOR_EXPR_H

#include "base/buf.h"
#include "executor/expr_value.h"

enum {
	EXPR_LENGTH_MAX = 21000,
	EXPR_DEPTH_MAX = 50,
	EXPR_TEXT_MAX = 10 << 20,
	EXPR_MEMORY = 64 << 20, /* a limit for arenas that serves every workflow */
};

enum expr_status { EXPR_SUCCESS, EXPR_FAILURE, EXPR_ALWAYS, EXPR_CANCELLED };

/* The files a call of hashFiles names. */
struct expr_patterns {
	const char *const *texts;
	size_t n;
	bool follow_links;
};

/* What expressions may name, and whom they ask. */
struct expr_scope {
	const struct expr_value *contexts; /* an object; a name that is not in it is an error */
	/* Whether that is how the job stands. NULL: status functions are an error here. */
	int (*status)(void *arg, enum expr_status which, bool *ret, struct err *e);
	/* The SHA-256 of the files in hex, "" when there is none. NULL: hashFiles is an error here. */
	int (*hash_files)(void *arg, const struct expr_patterns *p, char ret[65], struct err *e);
	void *arg;
};

/* Evaluations: their memory, and where the last one that failed went wrong. */
struct expr {
	struct arena *a;
	const struct expr_scope *scope;
	size_t fault; /* offset in the text, in bytes */
};

/* text[0..n) is one expression. NULL: e says what is wrong after "line L, column C: ", x->fault where.
 * A text that is empty or blank is an error. */
const struct expr_value *expr_eval(struct expr *x, const char *text, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A text with any number of ${{ expressions }}: a single one that is all of the text keeps its kind,
 * otherwise the result is a string. Errors as expr_eval. */
const struct expr_value *expr_template(struct expr *x, const char *text, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The text of an `if:`, with or without ${{ }}: blank is success(), and without a status function in
 * it, it is success() && (text). Text around a ${{ }} makes it a string, which is true. */
int expr_condition(struct expr *x, const char *text, size_t n, bool *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The line of text that holds the byte `at`, and a line with a caret under it, each ended by '\n'. Of
 * a long line the part around it; control characters are shown as '?'. */
int expr_caret(struct buf *out, const char *text, size_t n, size_t at, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
