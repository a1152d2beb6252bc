/* JSON as values of expressions, and values as JSON: what fromJSON reads and toJSON writes. */
#ifndef EXECUTOR_EXPR_JSON_H
#define EXECUTOR_EXPR_JSON_H

#include "base/buf.h"
#include "executor/expr_value.h"

enum { EXPR_JSON_DEPTH = 64, EXPR_JSON_WRITE_DEPTH = 128 };

/*
 * One JSON text (RFC 8259), at most EXPR_JSON_DEPTH deep; NaN, Infinity and -Infinity are numbers too,
 * for toJSON writes them. Of members whose keys differ in case only, the last value counts. An escape
 * of half a surrogate pair is U+FFFD, and so is a byte that is no UTF-8. NULL: e says
 * "line L, column C: …" and quotes nothing.
 */
const struct expr_value *expr_json_read(const char *text, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* v appended as the runner writes it: a member and an item a line, two spaces a level, numbers by
 * expr_number_text. -1: past out's limit, or more than EXPR_JSON_WRITE_DEPTH deep. */
int expr_json_write(struct buf *out, const struct expr_value *v, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
