/* Patterns: a word begins one, a small machine for each kind follows it. */
#include "executor/redact_pattern.h"

#include "executor/redact_run.h"

#include <string.h>

enum { CUT_MIN = 8 };

/* Modes that are left for nothing else. */
enum {
	PLAIN = 1 << PREFIX | 1 << LONG | 1 << NPM | 1 << PYPI | 1 << AWS | 1 << DOT | 1 << JWT |
		1 << PARAM
};

/* The byte that came i bytes before the last one. */
static unsigned char pattern_back(const struct pattern *p, unsigned i)
{
	return p->ring[(p->seen - 1 - i) % PATTERN_RING];
}

struct dense_back pattern_before(const struct pattern *p, unsigned back)
{
	unsigned i = back, run = 0;
	struct dense_back before = { p->seen ? pattern_back(p, i) : ' ', 0 };
	while (i < p->seen && i < PATTERN_RING && pattern_back(p, i) != ' ') {
		run++;
		i++;
	}
	run += i == p->seen ? p->run : 0U;
	before.run = (uint8_t)(run < DENSE_WRAP ? run : DENSE_WRAP);
	return before;
}

void pattern_start(struct pattern *p, struct dense_back before)
{
	pattern_reset(p);
	p->ring[PATTERN_RING - 1] = before.byte;
	p->run = before.run;
}

void pattern_reset(struct pattern *p)
{
	p->state = 0;
	p->active = p->sure = 0;
	p->modes = 0;
	p->due = UINT64_MAX;
	p->seen = 0;
	p->run = 0;
	for (unsigned i = 1; i <= 3; i++)
		p->ring[PATTERN_RING - i] = ' ';
}

static enum kind slot_of(const struct pattern *p, unsigned kind)
{
	if (kind != AUTHORIZATION && kind != HEADER)
		return (enum kind)kind;
	return p->active >> HEADER & 1 ? HEADER_TOO : HEADER;
}

/* Whether a run of this kind may begin now, at the end of its word. */
static bool may_begin(const struct pattern *p, const struct symbol *s)
{
	bool busy = p->active >> s->slot & 1;
	if (busy && s->slot != HEADER_TOO && !(s->slot == KEY && !run_is_key_body(&p->runs[KEY])))
		return false;
	if (s->slot == DOT)
		return !(s->words->classes[pattern_back(p, 2)] & C_WORD);
	return (s->slot != AWS && s->slot != JWT) || s->class & C_UPPER;
}

/* A word of this kind, len bytes long, ends at s. */
static void begin(struct symbol *s, unsigned kind, size_t len)
{
	struct pattern *p = s->p;
	if (kind == KEY_END) {
		s->slot = KEY;
		if (p->active >> KEY & 1 && run_may_be_key(&p->runs[KEY]))
			run_key_ends(&p->runs[KEY], s);
		return;
	}
	s->slot = slot_of(p, kind);
	if (!may_begin(p, s))
		return;
	if (p->active >> s->slot & 1)
		run_drop(s, s->slot, s->at + 1);
	struct pattern_run *r = &p->runs[s->slot];
	memset(r, 0, sizeof *r);
	run_begin(r, s, kind, len);
	p->active = (uint16_t)(p->active | 1U << s->slot);
}

/* Runs whose mode has ended with no further ado. */
static void drop_plain(struct symbol *s, unsigned bits)
{
	struct pattern *p = s->p;
	if (p->sure && !(p->sure & ~bits) && s->before > p->sure_to)
		ranges_add(s->hits, p->sure_to, s->before);
	p->sure = (uint16_t)(p->sure & ~bits);
	p->active = (uint16_t)(p->active & ~bits);
	p->modes &= ~bits;
}

static void step(struct symbol *s, unsigned slot)
{
	s->slot = slot;
	if (!run_step(&s->p->runs[slot], s))
		run_drop(s, slot, s->before);
}

static void steps_due(struct symbol *s)
{
	struct pattern *p = s->p;
	p->due = UINT64_MAX;
	for (unsigned left = p->active; left; left &= left - 1) {
		unsigned slot = (unsigned)__builtin_ctz(left);
		if (p->runs[slot].due <= p->seen)
			step(s, slot);
		if (p->active >> slot & 1 && p->runs[slot].due < p->due)
			p->due = p->runs[slot].due;
	}
}

void pattern_go_on(struct symbol *s)
{
	static const uint8_t slots[MODES] = {
		[USER] = USER,
		[SCHEME] = HEADER,
		[SCHEME_TOO] = HEADER_TOO,
		[LABEL] = KEY,
		[ALERT + PREFIX] = PREFIX,
		[ALERT + LONG] = LONG,
		[ALERT + NPM] = NPM,
		[ALERT + PYPI] = PYPI,
		[ALERT + AWS] = AWS,
		[ALERT + DOT] = DOT,
		[ALERT + JWT] = JWT,
		[ALERT + USER] = USER,
		[ALERT + PARAM] = PARAM,
		[ALERT + HEADER] = HEADER,
		[ALERT + HEADER_TOO] = HEADER_TOO,
		[ALERT + KEY] = KEY,
		[JWT_HEAD] = JWT,
		[USER_PASS] = USER,
		[VALUE] = HEADER,
		[VALUE_TOO] = HEADER_TOO,
		[END_LABEL] = KEY,
	};
	unsigned end = s->p->modes & ~s->words->dull[s->c];
	if (end & PLAIN)
		drop_plain(s, end & PLAIN);
	for (unsigned left = end & ~(unsigned)PLAIN; left; left &= left - 1)
		step(s, slots[__builtin_ctz(left)]);
	if (s->p->seen >= s->p->due)
		steps_due(s);
}

void pattern_begin(struct symbol *s, uint64_t limit)
{
	const struct automaton *a = &s->words->lower;
	const uint8_t *kinds = s->words->kinds;
	for (uint32_t t = automaton_number(a, s->p->state); a->states[t].fail_byte & AUTOMATON_SOME;
	     t = automaton_fail(a, t))
		if (kinds[t] && (limit == UINT64_MAX || kinds[t] - 1U == KEY_END ||
				 lane_offset(s->text, automaton_depth(a, t), s->at) < limit))
			begin(s, kinds[t] - 1U, automaton_depth(a, t));
}

void pattern_flush(struct pattern *p, struct ranges *hits, uint64_t to)
{
	if (p->sure && to > p->sure_to) {
		ranges_add(hits, p->sure_to, to);
		p->sure_to = to;
	}
}

void pattern_touched(struct pattern *p, uint64_t to)
{
	for (unsigned k = HEADER; k <= HEADER_TOO; k++)
		if (p->active >> k & 1 && p->runs[k].begun && to > p->runs[k].start)
			p->runs[k].touched = true;
}

void pattern_end(struct symbol *s, bool cut)
{
	struct pattern *p = s->p;
	pattern_flush(p, s->hits, s->before);
	unsigned waiting = p->active & ~(unsigned)p->sure & ~(1U << JWT) & ~(1U << KEY);
	for (unsigned left = waiting; cut && left; left &= left - 1) {
		const struct pattern_run *r = &p->runs[__builtin_ctz(left)];
		if (r->hold == r->start && p->seen - r->from >= CUT_MIN)
			ranges_add(s->hits, r->start, s->before);
	}
	p->seen++;
	for (unsigned left = waiting & (1U << DOT | 1U << HEADER | 1U << HEADER_TOO); left;
	     left &= left - 1) {
		s->slot = (unsigned)__builtin_ctz(left);
		run_step(&p->runs[s->slot], s);
	}
	pattern_reset(p);
}

uint64_t pattern_hold(const struct pattern *p)
{
	uint64_t hold = p->sure ? p->sure_to : UINT64_MAX;
	for (unsigned left = p->active; left; left &= left - 1) {
		const struct pattern_run *r = &p->runs[__builtin_ctz(left)];
		hold = r->hold < hold ? r->hold : hold;
	}
	return hold;
}
