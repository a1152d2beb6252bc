/* Disjoint ranges in order. */
#include "executor/redact_range.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

static bool grow(struct ranges *r)
{
	if (r->head) {
		memmove(r->v, r->v + r->head, (r->n - r->head) * sizeof *r->v);
		r->n -= r->head;
		r->head = 0;
	}
	if (r->n < r->cap / 2)
		return true;
	size_t cap = r->cap ? r->cap * 2 : FIRST_CAP;
	struct range *v = reallocarray(r->v, cap, sizeof *v);
	if (!v)
		return false;
	r->v = v;
	r->cap = cap;
	return true;
}

void ranges_add(struct ranges *r, uint64_t from, uint64_t to)
{
	while (r->n > r->head && r->v[r->n - 1].to >= from) {
		const struct range *last = &r->v[--r->n];
		from = last->from < from ? last->from : from;
		to = last->to > to ? last->to : to;
	}
	if (r->n == r->cap && !grow(r)) {
		r->failed = true;
		return;
	}
	r->v[r->n++] = (struct range){ from, to };
}

const struct range *ranges_first(const struct ranges *r)
{
	return r->head < r->n ? &r->v[r->head] : NULL;
}

void ranges_drop_first(struct ranges *r)
{
	if (++r->head == r->n)
		r->head = r->n = 0;
}

void ranges_done(struct ranges *r)
{
	free(r->v);
	*r = (struct ranges){ 0 };
}
