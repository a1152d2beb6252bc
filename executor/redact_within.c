/* Nearly always nothing begins in an escape: states alone tell that, without what a scan keeps. */
#include "executor/redact_within.h"

#include <string.h>

enum { ESC = 0x1b };

void within_end(struct within *w, const struct redact_set *set, bool cut)
{
	if (w->reads && !w->quick && w->scan.pattern.active)
		pattern_end(&set->words, &w->scan.pattern, cut, w->hits);
	w->reads = false;
}

/* --- with all that a scan keeps ----------------------------------------------------------------- */

static void spoil(struct within *w)
{
	ranges_add(&w->spoiled, w->from, w->to);
}

/* No pattern goes on: what lanes still have is followed quickly. */
static void slow_to_quick(struct within *w)
{
	const struct scan *s = &w->scan;
	for (int lane = 0; lane < LANES; lane++)
		w->behind[lane] = (uint32_t)(s->lanes[lane].seen - w->seen[lane]);
	w->at = (struct quick){ s->lanes[LANE_TEXT].state, s->lanes[LANE_DENSE].state,
				s->pattern.state };
	w->run = (uint32_t)scan_width(s);
	w->space = s->space;
	w->wraps = s->wraps;
	w->quick = true;
}

/* The next n bytes, which do not lie on both sides of the end of the escape. */
static void slow_read(struct within *w, const struct redact_set *set, size_t n)
{
	size_t before = w->hits->n;
	bool inside = w->pos < w->to;
	w->pos += scan_run(set, &w->scan, w->p + (w->pos - w->from), n, w->pos);
	if (w->scan.found || (inside && w->hits->n != before))
		spoil(w);
	w->scan.found = false;
	for (int lane = 0; inside && lane < LANES; lane++)
		w->seen[lane] = w->scan.lanes[lane].seen;
	if (!w->scan.pattern.active)
		slow_to_quick(w);
}

/* Something ends or begins with the byte at pos: the scan takes over, as if it had read all up to there. */
static __attribute__((noinline)) void slow_start(struct within *w, const struct redact_set *set)
{
	struct scan *s = &w->scan;
	size_t before = w->hits->n, n = (size_t)(w->pos - w->from);
	scan_reset(s);
	scan_fill(s, w->p + 1, n, w->from + 1);
	scan_width_set(s, w->run);
	s->limit = w->to;
	s->until_idle = true;
	s->wraps = w->wraps;
	s->lanes[LANE_TEXT].state = w->at.text;
	s->lanes[LANE_DENSE].state = w->at.dense;
	s->pattern.state = w->at.word;
	for (int lane = 0; lane < LANES; lane++)
		w->seen[lane] = s->lanes[lane].seen - w->behind[lane];
	scan_last(set, s, w->p[n], w->pos);
	if (s->found || (w->pos < w->to && w->hits->n != before))
		spoil(w);
	s->found = false;
	w->quick = !s->pattern.active;
	w->pos++;
}

/* --- with states alone -------------------------------------------------------------------------- */

/* The offset of the byte of a lane that has `back` of them behind it in the escape. */
static uint64_t offset_back(const struct within *w, uint32_t lane, uint32_t back)
{
	const unsigned char *body = w->p + 1;
	size_t n = (size_t)(w->to - w->from - 1), total = 0;
	uint16_t at[ESCAPE_MAX];
	bool space = false;
	for (size_t i = 0; i < n; i++) {
		bool is_space = redact_is_space(body[i]);
		if (body[i] && !(is_space && (space || lane == LANE_DENSE)))
			at[total++] = (uint16_t)i;
		space = body[i] ? is_space : space;
	}
	return w->from + 1 + (back && back <= total ? at[total - back] : 0);
}

/* A needle ends behind the escape; it is a hit when it began within. */
static __attribute__((noinline, cold)) void quick_found(struct within *w, uint32_t lane,
							uint32_t out)
{
	if (out <= w->behind[lane])
		return;
	uint64_t from = offset_back(w, lane, out - w->behind[lane]);
	ranges_add(w->hits, from, w->pos + 1);
	spoil(w);
}

/* White space or NUL; false: nothing reads it. */
static bool quick_blank(struct within *w, unsigned char c)
{
	if (c == '\0')
		return false;
	if (!w->space) {
		w->wraps = w->run >= DENSE_WRAP;
		w->run = 0;
	}
	if (!w->wraps && c != ' ' && c != '\t')
		w->at.dense = 0;
	return !w->space;
}

static inline bool ends_in(const struct automaton *a, uint32_t state)
{
	return state >= a->quiet && a->states[state].out;
}

/* Something ends with the last byte, at pos. False: it has to be looked at slowly. */
static __attribute__((noinline)) bool quick_ends(struct within *w, const struct redact_set *set,
						 bool dense)
{
	const struct automaton *words = &set->words.lower;
	if (w->pos < w->to ||
	    (ends_in(words, w->at.word) && words->states[w->at.word].depth > w->behind[LANE_TEXT]))
		return false;
	const struct automaton *a = &set->lanes[LANE_TEXT];
	if (ends_in(a, w->at.text))
		quick_found(w, LANE_TEXT, a->states[w->at.text].out);
	a = &set->lanes[LANE_DENSE];
	if (dense && ends_in(a, w->at.dense))
		quick_found(w, LANE_DENSE, a->states[w->at.dense].out);
	return true;
}

/* A byte that is white space or NUL. False: as quick_ends. */
static __attribute__((noinline)) bool quick_space(struct within *w, const struct redact_set *set,
						  unsigned char c)
{
	const struct words *words = &set->words;
	if (!quick_blank(w, c))
		return true;
	w->space = true;
	w->behind[LANE_TEXT] += w->pos >= w->to;
	w->at.text = automaton_step(&set->lanes[LANE_TEXT], w->at.text, ' ');
	w->at.word = automaton_step(&words->lower, w->at.word, ' ');
	return !(ends_in(&set->lanes[LANE_TEXT], w->at.text) ||
		 ends_in(&words->lower, w->at.word)) ||
	       quick_ends(w, set, false);
}

/* Nothing that began in the escape goes on, when these many bytes of the lanes came behind it. */
static inline bool is_over(const struct redact_set *set, struct quick at, uint32_t text,
			   uint32_t dense)
{
	return set->lanes[LANE_TEXT].states[at.text].depth <= text &&
	       set->lanes[LANE_DENSE].states[at.dense].depth <= dense &&
	       set->words.lower.states[at.word].depth <= text;
}

static inline bool quick_is_over(const struct within *w, const struct redact_set *set)
{
	return is_over(set, w->at, w->behind[LANE_TEXT], w->behind[LANE_DENSE]);
}

/* NUL, white space, or another. */
static inline bool is_stop(unsigned char c, unsigned char other)
{
	return c <= ' ' && (c == other || c == '\0' || redact_is_space(c));
}

/* Read bytes that are neither blank nor, behind the escape, ESC, up to w->p[end], to one at which something ends,
 * or to where nothing goes on. Returns whether something ends with the last of them. */
static bool quick_run(struct within *w, const struct redact_set *set, size_t end)
{
	const struct automaton *texts = &set->lanes[LANE_TEXT], *denses = &set->lanes[LANE_DENSE];
	const struct automaton *words = &set->words.lower;
	struct quick at = w->at;
	const unsigned char *p = w->p + (w->pos - w->from);
	const bool behind = w->pos >= w->to;
	const uint32_t text = w->behind[LANE_TEXT], dense = w->behind[LANE_DENSE];
	uint32_t n;
	bool ends = false;
	end -= (size_t)(w->pos - w->from);
	for (n = 0; n < end && !ends; n++) {
		unsigned char c = p[n];
		if (is_stop(c, behind ? ESC : '\0'))
			break;
		if (behind && is_over(set, at, text + n, dense + n))
			break;
		at.text = automaton_step(texts, at.text, c);
		at.dense = automaton_step(denses, at.dense, c);
		at.word = automaton_step(words, at.word, set->words.folded[c]);
		ends = ends_in(texts, at.text) || ends_in(denses, at.dense) ||
		       ends_in(words, at.word);
	}
	w->at = at;
	w->pos += n;
	w->run += n;
	w->space = w->space && n == 0;
	w->behind[LANE_TEXT] = text + (behind ? n : 0);
	w->behind[LANE_DENSE] = dense + (behind ? n : 0);
	return ends;
}

/* Read up to w->p[end], the next escape, or where nothing goes on. False: as quick_ends, pos is that byte. */
static bool quick_read(struct within *w, const struct redact_set *set, size_t end)
{
	while (w->pos - w->from < end) {
		if (quick_run(w, set, end)) {
			w->pos--;
			if (!quick_ends(w, set, true))
				return false;
			w->pos++;
			continue;
		}
		size_t at = (size_t)(w->pos - w->from);
		bool behind = w->pos >= w->to;
		if (at == end || (behind && (w->p[at] == ESC || quick_is_over(w, set))))
			break;
		if (!quick_space(w, set, w->p[at]))
			return false;
		w->pos++;
	}
	return true;
}

/* --- both --------------------------------------------------------------------------------------- */

/* How many bytes the scan reads before somebody has to look. */
static size_t slow_length(const struct within *w)
{
	size_t at = (size_t)(w->pos - w->from);
	if (w->pos < w->to)
		return (size_t)(w->to - w->pos);
	const unsigned char *esc = memchr(w->p + at, ESC, w->n - at);
	size_t n = esc ? (size_t)(esc - w->p) - at : w->n - at;
	size_t most = at < WITHIN_MAX ? WITHIN_MAX + 1 - at : 1;
	return n < most ? n : most;
}

static inline bool is_more(const struct within *w)
{
	size_t at = (size_t)(w->pos - w->from);
	return w->reads && (w->pos < w->to || (at < w->n && w->p[at] != ESC));
}

void within_more(struct within *w, const struct redact_set *set)
{
	while (is_more(w)) {
		if (!w->quick)
			slow_read(w, set, slow_length(w));
		else if (!quick_read(w, set, w->pos < w->to ? (size_t)(w->to - w->from) : w->n))
			slow_start(w, set);
		if (w->pos >= w->to)
			w->reads = !w->quick || !quick_is_over(w, set);
		if (w->pos - w->from > WITHIN_MAX)
			within_end(w, set, false);
	}
}

size_t within_escape(struct within *w, const struct redact_set *set, const unsigned char *p,
		     uint64_t at, uint64_t width)
{
	struct escape esc;
	if (!escape_parse(p, (size_t)(w->end - p), w->last, &esc))
		return 0;
	if (w->reads)
		within_end(w, set, false);
	if (esc.n == 1)
		return 1;
	w->p = p;
	w->n = (size_t)(w->end - p);
	w->from = at;
	w->pos = at + 1;
	w->to = at + esc.n;
	w->run = (uint32_t)width;
	w->space = false;
	w->reads = w->quick = true;
	w->at = (struct quick){ 0 };
	w->behind[LANE_TEXT] = w->behind[LANE_DENSE] = 0;
	within_more(w, set);
	return esc.n;
}
