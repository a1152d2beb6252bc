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

/* In place of the ranges [first, end). */
static void replace(struct ranges *r, size_t first, size_t end, const struct range *with)
{
	size_t behind = r->n - end, head = r->head;
	if (first == end && r->n == r->cap) {
		if (!grow(r)) {
			r->failed = true;
			return;
		}
		first -= head - r->head;
		end -= head - r->head;
	}
	memmove(r->v + first + 1, r->v + end, behind * sizeof *r->v);
	r->v[first] = *with;
	r->n = first + 1 + behind;
}

void ranges_join(struct ranges *r, uint64_t from, uint64_t to)
{
	struct range all = { from, to };
	size_t end = r->n, first;
	while (end > r->head && r->v[end - 1].from > to)
		end--;
	for (first = end; first > r->head && r->v[first - 1].to >= all.from; first--) {
		const struct range *one = &r->v[first - 1];
		all.from = one->from < all.from ? one->from : all.from;
		all.to = one->to > all.to ? one->to : all.to;
	}
	replace(r, first, end, &all);
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
