/* The automata, byte by byte: what is done here is done for every byte of the worst of logs. */
#include "executor/redact_scan.h"

#include <errno.h>
#include <stdlib.h>

int scan_init(struct scan *s, const struct redact_set *set, struct err *e)
{
	for (int i = 0; i < LANES; i++) {
		uint32_t size = 64;
		while (size < set->lanes[i].longest)
			size *= 2;
		uint32_t *ring = calloc(size, sizeof *ring);
		if (!ring)
			return err_set(e, ENOMEM, "out of memory");
		free(s->lanes[i].ring);
		s->lanes[i].ring = ring;
		s->lanes[i].mask = size - 1;
	}
	return 0;
}

void scan_done(struct scan *s)
{
	for (int i = 0; i < LANES; i++)
		free(s->lanes[i].ring);
}

void scan_reset(struct scan *s)
{
	for (int i = 0; i < LANES; i++)
		s->lanes[i].state = 0;
	pattern_reset(&s->pattern);
	s->space = false;
	scan_width_set(s, 0);
}

void scan_start(struct scan *s, struct dense_back before)
{
	scan_reset(s);
	pattern_start(&s->pattern, before);
	scan_width_set(s, before.run);
}

uint64_t scan_width(const struct scan *s)
{
	return s->lanes[LANE_DENSE].seen - s->width_from;
}

void scan_width_set(struct scan *s, uint64_t n)
{
	s->width_from = s->lanes[LANE_DENSE].seen - n;
}

/* The offset of the byte that came `back` bytes before the next one; near: any offset close to it. */
static uint64_t lane_offset(const struct lane *l, uint32_t back, uint64_t near)
{
	uint32_t low = l->ring[(l->seen - back) & l->mask];
	return near - (uint32_t)((uint32_t)near - low);
}

/* A needle ends in this lane with the byte at offset `at`. */
static __attribute__((noinline, cold)) void found(struct scan *s, const struct automaton *a,
						  struct lane l, uint64_t at)
{
	uint64_t from = lane_offset(&l, a->states[l.state].out, at);
	if (from >= s->limit)
		return;
	s->found = true;
	ranges_add(s->hits, from, at + 1);
	pattern_touched(&s->pattern, at + 1);
}

/* The next byte. */
static inline void lane_step(struct scan *s, const struct automaton *a, struct lane *l,
			     unsigned char c, uint64_t at)
{
	uint32_t state = automaton_step(a, l->state, c);
	l->state = state;
	l->ring[l->seen++ & l->mask] = (uint32_t)at;
	if (state >= a->quiet && a->states[state].out)
		found(s, a, *l, at);
}

/* Whether c, which is at most ' ', is read by no lane: a NUL, or white space after `more` of it. The end
 * of a line that is too short to be a wrapped one ends what has begun in the dense lane. */
static inline bool passes_over(struct scan *s, struct lane *dense, unsigned char c, bool more)
{
	if (c == '\0' || !redact_is_space(c))
		return c == '\0';
	if (!more) {
		s->wraps = dense->seen - s->width_from >= DENSE_WRAP;
		s->width_from = dense->seen;
	}
	if (!s->wraps && c != ' ' && c != '\t')
		dense->state = 0;
	return more;
}

void scan_run(const struct redact_set *set, struct scan *s, const unsigned char *p, size_t n,
	      uint64_t at)
{
	struct lane text = s->lanes[LANE_TEXT], dense = s->lanes[LANE_DENSE];
	const struct automaton *words = &set->words.lower;
	uint32_t state = s->pattern.state;
	uint64_t seen = s->pattern.seen;
	const uint64_t again_to = s->again_to;
	bool was = s->space;
	for (size_t i = 0; i < n; i++, at++) {
		unsigned char c = p[i];
		bool space = c <= ' ' && redact_is_space(c);
		if (c <= ' ' && passes_over(s, &dense, c, was))
			continue;
		was = space;
		if (space)
			c = ' ';
		else
			lane_step(s, &set->lanes[LANE_DENSE], &dense, c, at);
		lane_step(s, &set->lanes[LANE_TEXT], &text, c, at);
		if (at < again_to)
			continue;
		uint64_t last = at << 8 | c;
		state = automaton_step(words, state, set->words.folded[c]);
		s->pattern.ring[seen++ % PATTERN_RING] = last;
		if (s->pattern.active)
			pattern_go_on(&set->words, &s->pattern, last, s->hits);
		if (state >= words->quiet && words->states[state].out) {
			s->pattern.state = state;
			s->pattern.seen = seen;
			pattern_begin(&set->words, &s->pattern, last, s->hits);
		}
	}
	s->pattern.state = state;
	s->pattern.seen = seen;
	s->lanes[LANE_TEXT] = text;
	s->lanes[LANE_DENSE] = dense;
	s->space = was;
}

uint64_t scan_hold(const struct redact_set *set, const struct scan *s, uint64_t next)
{
	uint64_t hold = pattern_hold(&set->words, &s->pattern);
	for (int i = 0; i < LANES; i++) {
		const struct lane *l = &s->lanes[i];
		uint32_t depth = set->lanes[i].states[l->state].depth;
		uint64_t from = depth ? lane_offset(l, depth, next) : UINT64_MAX;
		hold = from < hold ? from : hold;
	}
	return hold;
}

void scan_limit(const struct redact_set *set, struct scan *s, uint64_t next, uint64_t max)
{
	for (int i = 0; i < LANES; i++) {
		struct lane *l = &s->lanes[i];
		const struct automaton *a = &set->lanes[i];
		while (l->state && next - lane_offset(l, a->states[l->state].depth, next) > max)
			l->state = automaton_fail(a, l->state);
	}
	uint64_t hold = pattern_hold(&set->words, &s->pattern);
	if (hold != UINT64_MAX && next - hold > max) {
		uint64_t run = scan_width(s);
		pattern_reset(&s->pattern);
		s->pattern.run = (uint8_t)(run < DENSE_WRAP ? run : DENSE_WRAP);
	}
}

void scan_cut(const struct redact_set *set, struct scan *s, uint64_t next, uint32_t least)
{
	for (int i = 0; i < LANES; i++) {
		const struct automaton *a = &set->lanes[i];
		const struct lane *l = &s->lanes[i];
		for (uint32_t t = l->state; t; t = automaton_fail(a, t)) {
			uint32_t depth = a->states[t].depth;
			if (depth >= least && depth >= automaton_lacks(a, t)) {
				ranges_add(s->hits, lane_offset(l, depth, next), next);
				break;
			}
		}
	}
}
