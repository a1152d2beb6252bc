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
 * A state with a row is followed by one load. Any other has one child, or none: when the byte is not the
 * child's, the row of another state says where to go, the first on the way of its fails that another byte
 * leads on from. The children of a state lie beside each other. NULs are in no needle and in no text that
 * is read: the root is nobody's child.
 */
struct automaton_state {
	uint32_t child;     /* depth's low bits, place after byte: a leaf has its fail's; 0 none */
	uint32_t row_byte;  /* where a row begins, depth's high bits, OWN or HARD, byte */
	uint32_t fail_byte; /* LAST, WHOLE, SOME, where to go when nothing fits, its byte */
};

/* Of row_byte: the row is the state's own; or it is another's, and automaton_search knows. */
enum { AUTOMATON_HARD = 1 << 8, AUTOMATON_OWN = 1 << 9 };
enum { AUTOMATON_HIGH_SHIFT = 10, AUTOMATON_ROW_SHIFT = 15 };
/* Of fail_byte: there are no more children of that parent; a needle is what leads here; one ends here. */
#define AUTOMATON_LAST (1U << 31)
#define AUTOMATON_WHOLE (1U << 30)
#define AUTOMATON_SOME (1U << 29)

/* A place is the number of a state, or where its row begins with AUTOMATON_ROW. A needle ends in one with
 * AUTOMATON_ENDS. 0 is the root's, too. Its other bits mean nothing. */
#define AUTOMATON_ENDS (1U << 31)
#define AUTOMATON_ROW (1U << 30)
enum { AUTOMATON_LOW_SHIFT = 19, AUTOMATON_LOW = 11 /* bits */ };
#define AUTOMATON_VALUE ((1U << AUTOMATON_LOW_SHIFT) - 1)

struct automaton {
	struct automaton_state *states;
	uint32_t *rows; /* first the number of the state, then places by class of bytes */
	uint32_t nstates, longest;
	uint32_t classes;    /* of bytes, + 1 */
	uint16_t class[256]; /* by byte, from 1 on */
};

/* Build from the needles, which are sorted and made unique in place (*n). The memory is the region's.
 * -1 when that is full. */
int automaton_build(struct automaton *a, struct needle *needles, size_t *n, struct redact_region *r,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* automaton_step for a state that is hard, or of any other. */
uint32_t automaton_search(const struct automaton *a, uint32_t place, unsigned char c)
	__attribute__((nonnull));

static inline uint32_t automaton_number(const struct automaton *a, uint32_t place)
{
	uint32_t value = place & AUTOMATON_VALUE;
	return place & AUTOMATON_ROW ? a->rows[value] : value;
}

static inline const struct automaton_state *automaton_at(const struct automaton *a, uint32_t place)
{
	return &a->states[automaton_number(a, place)];
}

/* How many bytes of a needle have led here. */
static inline uint32_t automaton_depth(const struct automaton *a, uint32_t place)
{
	const struct automaton_state *s = automaton_at(a, place);
	return (s->child >> AUTOMATON_LOW_SHIFT & ((1U << AUTOMATON_LOW) - 1)) |
	       (s->row_byte >> AUTOMATON_HIGH_SHIFT & 31) << AUTOMATON_LOW;
}

/* The place after byte c, which is not NUL. Inline, as automaton_fail: once for every byte of a log. */
static inline uint32_t automaton_step(const struct automaton *a, uint32_t place, unsigned char c)
{
	uint32_t value = place & AUTOMATON_VALUE;
	if (place & AUTOMATON_ROW)
		return a->rows[value + a->class[c]];
	const struct automaton_state *s = &a->states[value];
	if ((unsigned char)s->row_byte == c)
		return s->child;
	if (s->row_byte & AUTOMATON_HARD)
		return automaton_search(a, place, c);
	return a->rows[(s->row_byte >> AUTOMATON_ROW_SHIFT) + a->class[c]];
}

static inline uint32_t automaton_fail(const struct automaton *a, uint32_t place)
{
	return automaton_at(a, place)->fail_byte >> 8 & AUTOMATON_VALUE;
}

/* The length of the longest needle that ends here, 0 none. */
uint32_t automaton_out(const struct automaton *a, uint32_t place) __attribute__((nonnull));

/* The fewest bytes that a needle still lacks in this state: 0 one ends here, or there are too many
 * to tell. */
uint32_t automaton_lacks(const struct automaton *a, uint32_t place) __attribute__((nonnull));

#endif
