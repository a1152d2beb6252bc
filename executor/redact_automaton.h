/* Aho and Corasick's automaton over normalised bytes: all needles of one lane in one pass. */
#ifndef EXECUTOR_REDACT_AUTOMATON_H
#define EXECUTOR_REDACT_AUTOMATON_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Memory that is handed out once and given back as a whole. */
struct redact_region {
	char *p;
	size_t size, used;
	size_t touched; /* bytes from here on were never written */
};

/* n zeroed bytes, aligned for a pointer; NULL with e set when the region is full. */
void *region_take(struct redact_region *r, size_t n, struct err *e) __attribute__((nonnull));

/* n bytes to look for; they live in the region. */
struct needle {
	const unsigned char *p;
	uint32_t n;
	uint32_t tag;
};

/* goto: the children of a state lie beside each other from next on. */
struct automaton_state {
	uint32_t fail_byte; /* where to go when nothing fits << 8 | the byte that leads here */
	uint32_t next_many; /* first child << 8 | how many */
	uint16_t depth;
	uint16_t out; /* length of the longest needle that ends here, 0 none */
};

struct automaton {
	struct automaton_state *states;
	uint32_t *rows; /* whole rows for the first `dense` states: the root and its children */
	uint32_t nstates, dense, longest;
};

/* Build from the needles, which are sorted and made unique in place (*n). The memory is the region's.
 * -1 when that is full. */
int automaton_build(struct automaton *a, struct needle *needles, size_t *n, struct redact_region *r,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* The state after byte c. The root is 0. Inline, as automaton_fail: once for every byte of a log. */
static inline uint32_t automaton_step(const struct automaton *a, uint32_t state, unsigned char c)
{
	while (state >= a->dense) {
		const struct automaton_state *s = &a->states[state];
		uint32_t i = s->next_many >> 8, end = i + (s->next_many & 255);
		for (; i < end; i++)
			if ((a->states[i].fail_byte & 255) == c)
				return i;
		state = s->fail_byte >> 8;
	}
	return a->rows[((size_t)state << 8) + c];
}

static inline uint32_t automaton_fail(const struct automaton *a, uint32_t state)
{
	return a->states[state].fail_byte >> 8;
}

/* The fewest bytes that a needle still lacks in this state: 0 one ends here, or there are too many
 * to tell. */
uint32_t automaton_lacks(const struct automaton *a, uint32_t state) __attribute__((nonnull));

#endif
