/* What begins in an escape: a scan of its own, that nearly always has nothing to go on with behind it. */
#include "executor/redact_within.h"

enum { ESC = 0x1b };

void within_end(struct within *w, const struct redact_set *set, bool cut)
{
	if (w->reads && w->scan.pattern.active)
		scan_end(set, &w->scan, cut);
	w->reads = false;
}

/* Nothing that began in the escape goes on behind it. */
static bool is_over(const struct within *w, const struct redact_set *set)
{
	const struct scan *s = &w->scan;
	const struct lane *text = &s->lanes[LANE_TEXT], *dense = &s->lanes[LANE_DENSE];
	uint64_t texts = text->seen - w->seen[LANE_TEXT],
		 denses = dense->seen - w->seen[LANE_DENSE];
	return !s->pattern.active &&
	       automaton_depth(&set->lanes[LANE_TEXT], text->state) <= texts &&
	       automaton_depth(&set->lanes[LANE_DENSE], dense->state) <= denses &&
	       automaton_depth(&set->words.lower, s->pattern.state) <= texts;
}

/* Read on, n bytes or up to the next escape. False: that one is next. */
static bool read_behind(struct within *w, const struct redact_set *set, size_t n)
{
	size_t got = scan_run(set, &w->scan, w->p + (w->pos - w->from), n, w->pos);
	w->pos += got;
	if (w->scan.found)
		ranges_add(&w->spoiled, w->from, w->to);
	w->scan.found = false;
	return got == n;
}

/* The escape's own bytes. */
static void read_within(struct within *w, const struct redact_set *set)
{
	struct scan *s = &w->scan;
	size_t before = w->hits->n;
	scan_run(set, s, w->p + 1, (size_t)(w->to - w->from - 1), w->from + 1);
	if (s->found || w->hits->n != before)
		ranges_add(&w->spoiled, w->from, w->to);
	s->found = false;
	s->stops = true;
	w->pos = w->to;
	for (int lane = 0; lane < LANES; lane++)
		w->seen[lane] = s->lanes[lane].seen;
}

void within_more(struct within *w, const struct redact_set *set)
{
	while (w->reads) {
		/* The longer something goes on, the more rarely it is asked whether it does. */
		size_t most = (size_t)(w->pos - w->to) + 8,
		       left = w->n - (size_t)(w->pos - w->from);
		if (is_over(w, set) || w->pos - w->from > WITHIN_MAX) {
			within_end(w, set, false);
			return;
		}
		if (left == 0)
			return;
		if (w->p[w->pos - w->from] == ESC) {
			within_end(w, set, false);
			return;
		}
		if (!read_behind(w, set, most < left ? most : left))
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
	w->to = at + esc.n;
	w->reads = true;
	scan_reset(&w->scan);
	scan_width_set(&w->scan, width);
	w->scan.limit = w->to;
	w->scan.stops = false;
	read_within(w, set);
	within_more(w, set);
	return esc.n;
}
