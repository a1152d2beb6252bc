/* What is to be masked: disjoint ranges of a stream's bytes, in order. */
#ifndef EXECUTOR_REDACT_RANGE_H
#define EXECUTOR_REDACT_RANGE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets in the stream, end exclusive. */
struct range {
	uint64_t from, to;
};

/* A queue at its front, a stack at its back. Starts zeroed. */
struct ranges {
	struct range *v;
	size_t head, n, cap;
	bool failed; /* out of memory: latched until somebody looks */
};

/* ranges_add for what is not the usual case. */
void ranges_join(struct ranges *r, uint64_t from, uint64_t to) __attribute__((nonnull));

/* Join [from, to) with what it overlaps or touches. Quick near the end; inline, for the usual case: the
 * last range grows. */
static inline void ranges_add(struct ranges *r, uint64_t from, uint64_t to)
{
	struct range *last = r->n > r->head ? &r->v[r->n - 1] : NULL;
	if (last && last->from <= from && last->to >= from && last->to <= to)
		last->to = to;
	else
		ranges_join(r, from, to);
}

/* The first range, NULL when there is none; take it away. */
const struct range *ranges_first(const struct ranges *r) __attribute__((nonnull));
void ranges_drop_first(struct ranges *r) __attribute__((nonnull));

void ranges_done(struct ranges *r) __attribute__((nonnull));

#endif
