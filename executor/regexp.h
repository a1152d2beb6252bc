/* Regular expressions that are given from outside: bounded in size, in steps and in memory. PCRE2's, on
 * UTF-8 (bytes that are none match nothing), with ASCII classes, \uXXXX and \xXX as in ECMAScript; no
 * JIT. */
#ifndef EXECUTOR_REGEXP_H
#define EXECUTOR_REGEXP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	REGEXP_MAX = 4 << 10, /* bytes of an expression */
	REGEXP_STEPS = 20000, /* of a match that begins at one place */
	REGEXP_HEAP_KIB = 4096,
};

struct regexp;

/* NULL: it is wrong ("at character N: why"), too long, or memory is out. */
struct regexp *regexp_new(const char *text, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void regexp_free(struct regexp *r);

/* How many groups it has; the whole match is group 0 and not counted. */
unsigned regexp_groups(const struct regexp *r) __attribute__((nonnull));

/* 1: it matches somewhere in s[0..n). 0: it does not. -1: a limit. */
int regexp_match(struct regexp *r, const char *s, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Where the group of the last match is in that s: false when it took no part. */
bool regexp_group(const struct regexp *r, unsigned group, size_t *ret_from, size_t *ret_to)
	__attribute__((nonnull));

#endif
