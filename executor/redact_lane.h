/*
 * A lane's place: the bytes of a stream that one automaton reads, and where they stood. Most follow each
 * other, so what is kept is where they do not.
 */
#ifndef EXECUTOR_REDACT_LANE_H
#define EXECUTOR_REDACT_LANE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* A piece without a gap: byte k of the lane, from `from` on, stands at offset k + shift. Low halves. */
struct piece {
	uint32_t from, shift;
};

enum { LANE_LEAST = 128 }; /* pieces: as many as the longest word of a pattern may need */

/* Does not move: pieces may be its own. */
struct lane {
	uint32_t state;       /* a place of the automaton */
	uint32_t mask;        /* of pieces' size */
	struct piece *pieces; /* a ring: few, or what lies elsewhere */
	uint64_t npieces;     /* since the reset */
	uint64_t seen;        /* bytes */
	uint64_t next;        /* offset behind the last one; UINT64_MAX: none yet */
	uint64_t ended;       /* behind the last one before this piece */
	struct piece few[LANE_LEAST];
};

/* Room for what the longest of so many bytes needs; starts zeroed, or again. */
int lane_init(struct lane *l, size_t longest, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void lane_done(struct lane *l) __attribute__((nonnull));

/* The offset of the byte that came `back` bytes before the next one; near: any offset close to it. */
uint64_t lane_offset(const struct lane *l, uint32_t back, uint64_t near) __attribute__((nonnull));

/* How many bytes stand at offset x and behind it, at most `most`. */
uint32_t lane_since(const struct lane *l, uint64_t x, uint32_t most) __attribute__((nonnull));

/* Inline, all of these: once for each word of a log. Nothing has begun: */
static inline void lane_reset(struct lane *l)
{
	l->state = 0;
	l->npieces = 0;
	l->next = UINT64_MAX;
}

/* The next byte stands at offset x. */
static inline void lane_meet(struct lane *l, uint64_t x)
{
	if (l->next == x)
		return;
	l->pieces[l->npieces++ & l->mask] = (struct piece){ (uint32_t)l->seen,
							    (uint32_t)(x - l->seen) };
	l->ended = l->next;
	l->next = x;
}

/* n bytes were read, which follow each other. */
static inline void lane_pass(struct lane *l, uint64_t n)
{
	l->seen += n;
	l->next += n;
}

/* Where the byte before that at offset x, the last one, ends. */
static inline uint64_t lane_before(const struct lane *l, uint64_t x)
{
	const struct piece *p = &l->pieces[(l->npieces - 1) & l->mask];
	return (uint32_t)x == p->from + p->shift ? l->ended : x;
}

#endif
