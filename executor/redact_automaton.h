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

/*
 * goto: the children of a state lie beside each other from next on, 0 when it has none. NULs are in no
 * needle and in no text that is read: the root is nobody's child.
 */
struct automaton_state {
	uint32_t fail_byte; /* where to go when nothing fits << 8 | the byte that leads here */
	uint32_t next_many; /* first child << 8 | how many */
	uint16_t depth;
	uint16_t out; /* length of the longest needle that ends here, 0 none */
};

/* Of fail_byte: there are more children than one, or what it fails to has no row. */
#define AUTOMATON_HARD (1U << 31)

struct automaton {
	struct automaton_state *states;
	uint32_t *rows; /* whole rows for the first `dense` states, by class of bytes, then state */
	uint32_t nstates, longest;
	uint32_t dense;       /* the root and its children; all when there is room */
	uint32_t quiet;       /* no needle ends in a state before this one */
	uint32_t classes;     /* of bytes */
	uint32_t column[256]; /* by byte: where its class begins in rows */
};

/* Build from the needles, which are sorted and made unique in place (*n). The memory is the region's.
 * -1 when that is full. */
int automaton_build(struct automaton *a, struct needle *needles, size_t *n, struct redact_region *r,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* automaton_step for a state that is hard, or of any other. */
uint32_t automaton_search(const struct automaton *a, uint32_t state, unsigned char c)
	__attribute__((nonnull));

/* The state after byte c, which is not NUL. The root is 0. Inline, as automaton_fail: once for every
 * byte of a log. */
static inline uint32_t automaton_step(const struct automaton *a, uint32_t state, unsigned char c)
{
	if (state < a->dense)
		return a->rows[a->column[c] + state];
	const struct automaton_state *s = &a->states[state];
	uint32_t first = s->next_many >> 8;
	if ((unsigned char)a->states[first].fail_byte == c)
		return first;
	if (s->fail_byte & AUTOMATON_HARD)
		return automaton_search(a, state, c);
	return a->rows[a->column[c] + (s->fail_byte >> 8)];
}

static inline uint32_t automaton_fail(const struct automaton *a, uint32_t state)
{
	return (a->states[state].fail_byte & ~AUTOMATON_HARD) >> 8;
}

/* The fewest bytes that a needle still lacks in this state: 0 one ends here, or there are too many
 * to tell. */
uint32_t automaton_lacks(const struct automaton *a, uint32_t state) __attribute__((nonnull));

#endif
