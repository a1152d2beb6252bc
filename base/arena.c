#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	alignas(max_align_t) unsigned char data[];
};

/* Blocks grow with what is taken, so that little is left over and there are few of them. */
enum { BLOCK_MIN = 4 << 10, BLOCK_MAX = 64 << 10 };

static struct arena_block *block_with(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	if (b && b->cap - b->used >= n)
		return b;
	size_t cap = a->used / 4;
	cap = cap < BLOCK_MIN ? BLOCK_MIN : cap < BLOCK_MAX ? cap : BLOCK_MAX;
	cap = cap > n ? cap : n;
	b = calloc(1, sizeof *b + cap);
	if (!b)
		return NULL;
	b->cap = cap;
	b->next = a->head;
	a->head = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n, struct err *e)
{
	size_t align = alignof(max_align_t);
	if (n > a->max - a->used || n > SIZE_MAX / 2) {
		err_set(e, E2BIG, "memory limit of %zu bytes reached", a->max);
		return NULL;
	}
	size_t room = (n + align - 1) / align * align;
	struct arena_block *b = block_with(a, room ? room : align);
	if (!b) {
		err_set(e, ENOMEM, "out of memory for %zu bytes", n);
		return NULL;
	}
	void *p = b->data + b->used;
	b->used += room;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size, struct err *e)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n)) {
		err_set(e, E2BIG, "memory limit of %zu bytes reached", a->max);
		return NULL;
	}
	return arena_alloc(a, n, e);
}

char *arena_strndup(struct arena *a, const char *s, size_t n, struct err *e)
{
	char *p = arena_alloc(a, n + 1, e);
	return p ? memcpy(p, s, n) : NULL;
}

char *arena_strdup(struct arena *a, const char *s, struct err *e)
{
	return arena_strndup(a, s, strlen(s), e);
}

char *arena_printf(struct arena *a, struct err *e, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1, e);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void arena_done(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;
		a->head = b->next;
		explicit_bzero(b->data, b->used);
		free(b);
	}
	a->used = 0;
}
