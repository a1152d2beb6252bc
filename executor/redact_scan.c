/* The automata, byte by byte: what is done here is done for every byte of the worst of logs. */
#include "executor/redact_scan.h"

#include "executor/redact_within.h"

#include <errno.h>
#include <stdlib.h>

enum { ESC = 0x1b };

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
static __attribute__((noinline)) void found(struct scan *s, uint32_t low, uint64_t at)
{
	uint64_t from = at - (uint32_t)((uint32_t)at - low);
	if (from >= s->limit)
		return;
	s->found = true;
	ranges_add(s->hits, from, at + 1);
	if (s->pattern.active)
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
		found(s, l->ring[(l->seen - a->states[state].out) & l->mask], at);
}

/*
 * How many of the bytes from p on, where one of at most ' ' stands, no lane reads: NULs, white space behind
 * white space, escapes. The end of a line that is too short to be a wrapped one ends what has begun in the
 * dense lane. SIZE_MAX: an escape is not all there.
 */
static inline size_t passes_over(const struct redact_set *set, struct scan *s, struct lane *dense,
				 const unsigned char *p, uint64_t at)
{
	if (*p == ESC && s->within) {
		uint64_t width = dense->seen - s->width_from;
		size_t n = within_escape(s->within, set, p, at, width);
		return n ? n : SIZE_MAX;
	}
	if (!redact_is_space(*p))
		return *p == '\0';
	if (!s->space) {
		s->wraps = dense->seen - s->width_from >= DENSE_WRAP;
		s->width_from = dense->seen;
	}
	if (!s->wraps && *p != ' ' && *p != '\t')
		dense->state = 0;
	return s->space;
}

static inline unsigned char as_text(unsigned char c)
{
	return redact_is_space(c) ? ' ' : c;
}

static inline bool ends_in(const struct automaton *a, uint32_t state)
{
	return state >= a->quiet && a->states[state].out;
}

/* The patterns after the byte that led to state s->pattern.state. */
static void patterns_step(const struct redact_set *set, struct scan *s, uint64_t last)
{
	const struct words *words = &set->words;
	struct pattern *p = &s->pattern;
	if (p->modes & ~words->dull[last & 255] || p->seen >= p->due)
		pattern_go_on(words, p, last, s->hits);
	if (p->state >= words->lower.quiet && words->lower.states[p->state].out)
		pattern_begin(words, p, last, s->limit, s->hits);
}

static inline void dense_step(struct scan *s, const struct automaton *a, struct lane *l,
			      unsigned char c, uint64_t at)
{
	if (c != ' ')
		lane_step(s, a, l, c, at);
}

static inline bool goes_on(const struct scan *s, uint32_t modes)
{
	return modes || !s->until_idle;
}

/* Whether no pattern in these modes is concerned by c, nor one begins in the state that it led to. */
static inline bool is_dull(const struct words *w, uint32_t modes, unsigned char c, uint32_t state)
{
	return !(modes & ~w->dull[c]) && !ends_in(&w->lower, state);
}

size_t scan_run(const struct redact_set *set, struct scan *s, const unsigned char *p, size_t n,
		uint64_t at)
{
	struct lane text = s->lanes[LANE_TEXT], dense = s->lanes[LANE_DENSE];
	const struct words *words = &set->words;
	uint32_t state = s->pattern.state, modes = s->pattern.modes;
	uint64_t seen = s->pattern.seen, due = s->pattern.due;
	size_t i;
	for (i = 0; i < n && goes_on(s, modes); i++) {
		unsigned char c = p[i];
		if (c <= ' ') {
			size_t skip = passes_over(set, s, &dense, p + i, at + i);
			if (skip == SIZE_MAX)
				break;
			if (skip) {
				i += skip - 1;
				continue;
			}
			c = as_text(c);
		}
		s->space = c == ' ';
		dense_step(s, &set->lanes[LANE_DENSE], &dense, c, at + i);
		lane_step(s, &set->lanes[LANE_TEXT], &text, c, at + i);
		if (at + i < s->again_to)
			continue;
		state = automaton_step(&words->lower, state, words->folded[c]);
		s->pattern.ring[seen++ % PATTERN_RING] = (at + i) << 8 | c;
		if (seen < due && is_dull(words, modes, c, state))
			continue;
		s->pattern.state = state;
		s->pattern.seen = seen;
		patterns_step(set, s, (at + i) << 8 | c);
		modes = s->pattern.modes;
		due = s->pattern.due;
	}
	s->pattern.state = state;
	s->pattern.seen = seen;
	pattern_flush(&s->pattern, s->hits);
	s->lanes[LANE_TEXT] = text;
	s->lanes[LANE_DENSE] = dense;
	return i;
}

void scan_fill(struct scan *s, const unsigned char *p, size_t n, uint64_t at)
{
	struct lane *text = &s->lanes[LANE_TEXT], *dense = &s->lanes[LANE_DENSE];
	for (size_t i = 0; i < n; i++) {
		unsigned char c = as_text(p[i]);
		if (c == '\0' || (c == ' ' && s->space))
			continue;
		s->space = c == ' ';
		text->ring[text->seen++ & text->mask] = (uint32_t)(at + i);
		if (c != ' ')
			dense->ring[dense->seen++ & dense->mask] = (uint32_t)(at + i);
		s->pattern.ring[s->pattern.seen++ % PATTERN_RING] = (at + i) << 8 | c;
	}
}

void scan_last(const struct redact_set *set, struct scan *s, unsigned char c, uint64_t at)
{
	unsigned char as = as_text(c);
	for (int i = as == ' ' ? LANE_TEXT : 0; i < (as == ' ' ? LANE_TEXT + 1 : LANES); i++) {
		const struct lane *l = &s->lanes[i];
		const struct automaton *a = &set->lanes[i];
		if (ends_in(a, l->state))
			found(s, l->ring[(l->seen - a->states[l->state].out) & l->mask], at);
	}
	patterns_step(set, s, at << 8 | as);
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
