/*
 * A filter ahead of the automata: it says where in a piece of text they have to look. Sound: where a
 * needle or a pattern's word begins it never says no. It looks at text without white space, in which
 * every needle of both lanes is one run of bytes once its own white space is left out.
 */
#ifndef EXECUTOR_REDACT_GATE_H
#define EXECUTOR_REDACT_GATE_H

#include "executor/redact_automaton.h"
#include "executor/redact_dense.h"
#include "executor/redact_escape.h"
#include "executor/redact_words.h"

/* Immutable once built; tables lie in the region. */
struct gate {
	const struct words *words;
	unsigned window; /* bytes at the beginning of every needle that are compared; 0: no gate */
	unsigned hashed; /* of them: at most 8 */
	uint64_t *grams, *heads; /* bits: 4 bytes within a window; whole windows */
	unsigned gram_bits, head_bits;
	uint8_t begins[3][256];    /* bits: groups of words, by their bytes */
	uint8_t nibbles[3][2][16]; /* the same, for shuffles */
};

/* Build set->gate from the set's words and needles; tables are in its region. -1: no room. */
struct redact_set;
int gate_build(struct redact_set *set, struct err *e) __attribute__((nonnull, warn_unused_result));

enum { GATE_FOUND = 96, GATE_TAIL = 80, GATE_LEAST = 2 * GATE_TAIL };

/* Bytes [from, to) of a piece that have to be looked at, with what follows if it goes on. */
struct gate_find {
	uint16_t from, to;
	struct dense_back before; /* from */
};

struct gate_view {
	struct dense dense;
	struct gate_find finds[3 * GATE_FOUND]; /* by from */
	size_t n;
	unsigned char within[ESCAPE_MAX + GATE_TAIL]; /* of an escape, and what follows */
	size_t limit; /* what begins before this offset is known; 0: too little text to say */
	struct dense_back before; /* limit */
};

/* Look at as much of p[0..n) as fits; v->dense.before is what comes before it. */
void gate_look(const struct gate *g, struct gate_view *v, const unsigned char *p, size_t n)
	__attribute__((nonnull));

#endif
