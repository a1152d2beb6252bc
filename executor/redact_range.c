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
	size_t end = r->n, first;
	struct range *last = end > r->head ? &r->v[end - 1] : NULL;
	if (last && last->from <= from && last->to >= from && last->to <= to) {
		last->to = to;
		return;
	}
	while (end > r->head && r->v[end - 1].from > to)
		end--;
	for (first = end; first > r->head && r->v[first - 1].to >= from; first--) {
		const struct range *one = &r->v[first - 1];
		from = one->from < from ? one->from : from;
		to = one->to > to ? one->to : to;
	}
	size_t behind = r->n - end;
	if (first == end && r->n == r->cap) {
		size_t head = r->head;
		if (!grow(r)) {
			r->failed = true;
			return;
		}
		first -= head - r->head;
		end -= head - r->head;
	}
	memmove(r->v + first + 1, r->v + end, behind * sizeof *r->v);
	r->v[first] = (struct range){ from, to };
	r->n = first + 1 + behind;
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
