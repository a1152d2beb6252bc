/* The automata, byte by byte: what is done here is done for every byte of the worst of logs. */
#include "executor/redact_scan.h"

#include "executor/redact_within.h"

enum { ESC = 0x1b };

int scan_init(struct scan *s, const struct redact_set *set, struct err *e)
{
	for (int i = 0; i < LANES; i++)
		if (lane_init(&s->lanes[i], set->lanes[i].longest, e) < 0)
			return -1;
	return 0;
}

void scan_done(struct scan *s)
{
	for (int i = 0; i < LANES; i++)
		lane_done(&s->lanes[i]);
}

void scan_reset(struct scan *s)
{
	for (int i = 0; i < LANES; i++)
		lane_reset(&s->lanes[i]);
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

void scan_again(struct scan *s, uint64_t from, uint64_t to)
{
	for (int i = 0; i < LANES; i++) {
		lane_meet(&s->lanes[i], from);
		s->lanes[i].ended = from;
	}
	s->again_to = to;
}

void scan_width_set(struct scan *s, uint64_t n)
{
	s->width_from = s->lanes[LANE_DENSE].seen - n;
}

static struct symbol symbol_of(const struct redact_set *set, struct scan *s, unsigned char c,
			       uint64_t at)
{
	const struct lane *text = &s->lanes[LANE_TEXT];
	return (struct symbol){ .c = c,
				.class = set->words.classes[c],
				.at = at,
				.before = lane_before(text, at),
				.p = &s->pattern,
				.hits = s->hits,
				.words = &set->words,
				.text = text };
}

/* A needle ends in this lane with the byte at offset `at`. */
static __attribute__((noinline)) void found(const struct automaton *a, struct scan *s,
					    const struct lane *l, uint64_t at)
{
	uint64_t from = lane_offset(l, automaton_out(a, l->state), at);
	if (from >= s->limit)
		return;
	s->found = true;
	ranges_add(s->hits, from, at + 1);
	if (s->pattern.active)
		pattern_touched(&s->pattern, at + 1);
}

/* Something ends or begins with c, the last byte, in the text lane or in both. */
static void stir(const struct redact_set *set, struct scan *s, unsigned char c, uint64_t at,
		 bool both)
{
	struct lane *text = &s->lanes[LANE_TEXT], *dense = &s->lanes[LANE_DENSE];
	struct pattern *p = &s->pattern;
	if (both && dense->state & AUTOMATON_ENDS)
		found(&set->lanes[LANE_DENSE], s, dense, at);
	if (text->state & AUTOMATON_ENDS)
		found(&set->lanes[LANE_TEXT], s, text, at);
	if (at < s->again_to)
		return;
	bool begins = p->state & AUTOMATON_ENDS;
	bool goes_on = p->modes & ~set->words.dull[c] || p->seen >= p->due;
	if (!begins && !goes_on)
		return;
	struct symbol symbol = symbol_of(set, s, c, at);
	if (goes_on)
		pattern_go_on(&symbol);
	if (begins)
		pattern_begin(&symbol, s->limit);
}

/* One byte, whatever it is, c as text; white space is not of the dense lane. */
static void read_one(const struct redact_set *set, struct scan *s, unsigned char c, uint64_t at)
{
	struct pattern *p = &s->pattern;
	for (int i = c == ' ' ? LANE_TEXT : 0; i < (c == ' ' ? LANE_TEXT + 1 : LANES); i++) {
		struct lane *l = &s->lanes[i];
		lane_meet(l, at);
		lane_pass(l, 1);
		l->state = automaton_step(&set->lanes[i], l->state, c);
	}
	if (at >= s->again_to) {
		p->state = automaton_step(&set->words.lower, p->state, set->words.folded[c]);
		p->ring[p->seen++ % PATTERN_RING] = c;
	}
	s->space = c == ' ';
	stir(set, s, c, at, c != ' ');
}

/* Bytes that are more than ' ', up to one with which something ends or begins. */
static size_t read_plain(const struct redact_set *set, struct scan *s, const unsigned char *p,
			 size_t n, uint64_t at)
{
	const struct automaton *texts = &set->lanes[LANE_TEXT], *denses = &set->lanes[LANE_DENSE];
	const struct words *words = &set->words;
	struct pattern *pattern = &s->pattern;
	uint32_t text = s->lanes[LANE_TEXT].state, dense = s->lanes[LANE_DENSE].state;
	uint32_t word = pattern->state, modes = pattern->modes;
	uint64_t seen = pattern->seen, calm = pattern->due > seen ? pattern->due - seen - 1 : 0;
	unsigned char c = p[0];
	size_t i;
	bool stirs = false;
	lane_meet(&s->lanes[LANE_TEXT], at);
	lane_meet(&s->lanes[LANE_DENSE], at);
	for (i = 0; i < n && p[i] > ' ' && !stirs; i++) {
		c = p[i];
		text = automaton_step(texts, text, c);
		dense = automaton_step(denses, dense, c);
		word = automaton_step(&words->lower, word, words->folded[c]);
		pattern->ring[(seen + i) % PATTERN_RING] = c;
		stirs = (text | dense | word) & AUTOMATON_ENDS || modes & ~words->dull[c] ||
			i >= calm;
	}
	lane_pass(&s->lanes[LANE_TEXT], i);
	lane_pass(&s->lanes[LANE_DENSE], i);
	s->lanes[LANE_TEXT].state = text;
	s->lanes[LANE_DENSE].state = dense;
	pattern->state = word;
	pattern->seen = seen + i;
	s->space = false;
	if (stirs)
		stir(set, s, c, at + i - 1, true);
	return i;
}

/* White space. The end of a line that is too short to be a wrapped one ends what has begun in the dense lane. */
static void read_space(const struct redact_set *set, struct scan *s, unsigned char c, uint64_t at)
{
	struct lane *dense = &s->lanes[LANE_DENSE];
	if (!s->space) {
		s->wraps = scan_width(s) >= DENSE_WRAP;
		s->width_from = dense->seen;
	}
	if (!s->wraps && c != ' ' && c != '\t')
		dense->state = 0;
	if (!s->space)
		read_one(set, s, ' ', at);
}

/* A byte of at most ' ', or an escape. Returns how many bytes that was; 0: it stops here. */
static size_t read_special(const struct redact_set *set, struct scan *s, const unsigned char *p,
			   uint64_t at)
{
	if (*p == ESC && s->within)
		return within_escape(s->within, set, p, at, scan_width(s));
	if (*p == ESC && s->stops)
		return 0;
	if (redact_is_space(*p))
		read_space(set, s, *p, at);
	else if (*p)
		read_one(set, s, *p, at);
	return 1;
}

size_t scan_run(const struct redact_set *set, struct scan *s, const unsigned char *p, size_t n,
		uint64_t at)
{
	size_t i = 0, got = 1;
	while (i < n && got) {
		got = 1;
		if (p[i] <= ' ')
			got = read_special(set, s, p + i, at + i);
		else if (at + i < s->again_to)
			read_one(set, s, p[i], at + i);
		else
			got = read_plain(set, s, p + i, n - i, at + i);
		i += got;
	}
	return i;
}

void scan_flush(struct scan *s)
{
	pattern_flush(&s->pattern, s->hits, s->lanes[LANE_TEXT].next);
}

void scan_end(const struct redact_set *set, struct scan *s, bool cut)
{
	struct symbol symbol = symbol_of(set, s, '\0', 0);
	symbol.class = 0;
	symbol.before = s->lanes[LANE_TEXT].next;
	pattern_end(&symbol, cut);
}

bool scan_before(const struct scan *s, uint64_t x, struct dense_back *ret)
{
	uint32_t back = lane_since(&s->lanes[LANE_TEXT], x, PATTERN_RING - 1);
	*ret = pattern_before(&s->pattern, back);
	return back < PATTERN_RING - 1;
}

uint64_t scan_hold(const struct redact_set *set, const struct scan *s, uint64_t next)
{
	uint64_t hold = pattern_hold(&s->pattern);
	uint32_t word = automaton_depth(&set->words.lower, s->pattern.state);
	uint64_t begun = word ? lane_offset(&s->lanes[LANE_TEXT], word, next) : UINT64_MAX;
	hold = begun < hold ? begun : hold;
	for (int i = 0; i < LANES; i++) {
		const struct lane *l = &s->lanes[i];
		uint32_t depth = automaton_depth(&set->lanes[i], l->state);
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
		while (automaton_depth(a, l->state) &&
		       next - lane_offset(l, automaton_depth(a, l->state), next) > max)
			l->state = automaton_fail(a, l->state);
	}
	uint64_t hold = pattern_hold(&s->pattern);
	uint32_t word = automaton_depth(&set->words.lower, s->pattern.state);
	uint64_t begun = word ? lane_offset(&s->lanes[LANE_TEXT], word, next) : UINT64_MAX;
	hold = begun < hold ? begun : hold;
	if (next >= s->again_to && hold != UINT64_MAX && next - hold > max) {
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
		for (uint32_t t = automaton_number(a, l->state); t; t = automaton_fail(a, t)) {
			uint32_t depth = automaton_depth(a, t);
			if (depth >= least && depth >= automaton_lacks(a, t)) {
				ranges_add(s->hits, lane_offset(l, depth, next), next);
				break;
			}
		}
	}
}
