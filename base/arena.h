/* Memory that lives as long as one thing, a job or a file being parsed, and is given back at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"

#include <stddef.h>

struct arena_block;

/* max: the most bytes it hands out. Starts as ARENA(limit). */
struct arena {
	struct arena_block *head;
	size_t used, max;
};

/* clang-format off */
#define ARENA(limit) { .max = (limit) }
/* clang-format on */

/* n zeroed bytes, aligned for any type. NULL past max or out of memory, with e set. */
void *arena_alloc(struct arena *a, size_t n, struct err *e)
	__attribute__((nonnull, malloc, alloc_size(2)));

/* An array of count zeroed elements; count * size is checked. */
void *arena_array(struct arena *a, size_t count, size_t size, struct err *e)
	__attribute__((nonnull));

/* A copy of the n bytes at s and a '\0'; of the string s; formatted text. NULL as arena_alloc. */
char *arena_strndup(struct arena *a, const char *s, size_t n, struct err *e)
	__attribute__((nonnull));
char *arena_strdup(struct arena *a, const char *s, struct err *e) __attribute__((nonnull));
char *arena_printf(struct arena *a, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull));

#define arena_new(a, type, e) ((type *)arena_alloc((a), sizeof(type), (e)))

/* The only way memory goes back. Blocks are wiped: a payload carries tokens. */
void arena_done(struct arena *a) __attribute__((nonnull));

#endif
