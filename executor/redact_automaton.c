/* Aho and Corasick's automaton. Children lie beside each other, and the only child of a state behind
 * it, so that following one needle reads memory in order. */
#include "executor/redact_automaton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STATES_MAX = 1 << 23, ROWS_MAX = 4 << 10, LACKS_TODO = 1024 };

void *region_take(struct redact_region *r, size_t n, struct err *e)
{
	size_t at = (r->used + 7) & ~(size_t)7;
	if (at > r->size || n > r->size - at) {
		err_set(e, E2BIG, "masks need more than %zu bytes", r->size);
		return NULL;
	}
	r->used = at + n;
	r->touched = r->used > r->touched ? r->used : r->touched;
	return memset(r->p + at, 0, n);
}

static int needle_order(const void *a, const void *b)
{
	const struct needle *x = a, *y = b;
	int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	if (d)
		return d;
	return (x->n > y->n) - (x->n < y->n);
}

static size_t needle_unique(struct needle *v, size_t n)
{
	size_t kept = 0;
	qsort(v, n, sizeof *v, needle_order);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || needle_order(&v[kept - 1], &v[i]) != 0)
			v[kept++] = v[i];
	return kept;
}

/* The number of states: the root and each byte that is not shared with the needle before. */
static size_t count_states(const struct needle *v, size_t n)
{
	size_t count = 1;
	for (size_t i = 0; i < n; i++) {
		uint32_t same = 0;
		uint32_t most = i && v[i - 1].n < v[i].n ? v[i - 1].n : v[i].n;
		while (i && same < most && v[i - 1].p[same] == v[i].p[same])
			same++;
		count += v[i].n - same;
	}
	return count;
}

/* While building: the needles [lo, hi) that pass through a state. */
struct span {
	uint32_t lo, hi;
};

/* Give state s its children, one for each byte that its needles go on with. */
static void expand(struct automaton *a, struct span *spans, uint32_t s, const struct needle *v)
{
	struct automaton_state *state = &a->states[s];
	uint32_t lo = spans[s].lo, hi = spans[s].hi, many = 0, depth = state->depth;
	uint32_t first = a->nstates;
	if (lo < hi && v[lo].n == depth) {
		state->out = (uint16_t)depth;
		lo++;
	}
	while (lo < hi) {
		unsigned char c = v[lo].p[depth];
		uint32_t end = lo + 1;
		while (end < hi && v[end].p[depth] == c)
			end++;
		a->states[a->nstates].fail_byte = c;
		a->states[a->nstates].depth = (uint16_t)(depth + 1);
		spans[a->nstates++] = (struct span){ lo, end };
		lo = end;
		many++;
	}
	state->next_many = many ? first << 8 | (many & 255) : 0;
}

/* Number the classes of bytes: those that lead on from a state with a row, and all others. */
static void columns_number(struct automaton *a)
{
	memset(a->column, 0, sizeof a->column);
	a->classes = 1;
	for (uint32_t i = 1; i < a->nstates; i++) {
		unsigned char c = (unsigned char)a->states[i].fail_byte;
		bool leads = a->dense == a->nstates || a->states[i].depth <= 2;
		if (leads && !a->column[c])
			a->column[c] = a->dense * a->classes++;
	}
}

/* Every state gets a row when there is room for that. */
static void columns_fill(struct automaton *a)
{
	uint32_t few = a->dense;
	a->dense = a->nstates;
	columns_number(a);
	if ((size_t)a->dense * a->classes <= ROWS_MAX)
		return;
	a->dense = few;
	columns_number(a);
}

/* The row of a state, after that of where it fails to. */
static void row_fill(struct automaton *a, uint32_t s)
{
	uint32_t *row = a->rows + s, fail = automaton_fail(a, s);
	uint32_t first = a->states[s].next_many >> 8;
	uint32_t end = s ? first + (a->states[s].next_many & 255) : a->quiet;
	for (uint32_t class = 0; s && class < a->classes; class ++)
		row[class * a->dense] = a->rows[class * a->dense + fail];
	for (uint32_t i = s ? first : 1; i < end; i++)
		row[a->column[a->states[i].fail_byte & 255]] = i;
}

/* The states by depth, into order. False: out of memory. */
static bool order_fill(const struct automaton *a, uint32_t *order)
{
	uint32_t *places = calloc((size_t)a->longest + 2, sizeof *places);
	if (!places)
		return false;
	for (uint32_t s = 0; s < a->nstates; s++)
		places[a->states[s].depth + 1]++;
	for (uint32_t depth = 1; depth <= a->longest; depth++)
		places[depth] += places[depth - 1];
	for (uint32_t s = 0; s < a->nstates; s++)
		order[places[a->states[s].depth]++] = s;
	free(places);
	return true;
}

/* Where a state goes when nothing fits, by where its parent goes. */
static void fail_fill(struct automaton *a, uint32_t parent, uint32_t state)
{
	unsigned char c = (unsigned char)a->states[state].fail_byte;
	uint32_t f = parent ? automaton_step(a, automaton_fail(a, parent), c) : 0;
	bool hard = parent && (f >= a->dense || (a->states[state].next_many & 255) > 1);
	a->states[state].fail_byte = f << 8 | c | (hard ? AUTOMATON_HARD : 0);
	if (!a->states[state].out)
		a->states[state].out = a->states[f].out;
}

/* Where a state goes when nothing fits: its parents come before it in order. */
static void fails_fill(struct automaton *a, const uint32_t *order)
{
	for (uint32_t k = 0; k < a->nstates; k++) {
		uint32_t s = order[k], first = a->states[s].next_many >> 8;
		uint32_t end = s ? first + (a->states[s].next_many & 255) : a->quiet;
		if (s < a->dense)
			row_fill(a, s);
		for (uint32_t i = s ? first : 1; i < end; i++)
			fail_fill(a, s, i);
	}
}

/* Number the states depth first; todo is room for as many as there are. */
static void states_fill(struct automaton *a, struct span *spans, uint32_t *todo,
			const struct needle *needles)
{
	uint32_t n = 1;
	todo[0] = 0;
	a->nstates = 1;
	while (n) {
		uint32_t s = todo[--n], first = a->nstates;
		expand(a, spans, s, needles);
		if (s == 0)
			a->dense = a->quiet = a->nstates;
		for (uint32_t i = a->nstates; i-- > first;)
			todo[n++] = i;
	}
}

static int build(struct automaton *a, const struct needle *needles, size_t n, uint32_t *todo,
		 struct span *spans)
{
	spans[0].hi = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		a->longest = needles[i].n > a->longest ? needles[i].n : a->longest;
	states_fill(a, spans, todo, needles);
	columns_fill(a);
	return order_fill(a, todo) ? 0 : -1;
}

int automaton_build(struct automaton *a, struct needle *needles, size_t *n, struct redact_region *r,
		    struct err *e)
{
	*n = needle_unique(needles, *n);
	size_t states = count_states(needles, *n);
	if (states >= STATES_MAX)
		return err_set(e, E2BIG, "too many masks");
	a->states = region_take(r, states * sizeof *a->states, e);
	if (!a->states)
		return -1;
	struct span *spans = calloc(states, sizeof *spans);
	uint32_t *order = calloc(states, sizeof *order);
	bool good = spans && order && build(a, needles, *n, order, spans) == 0;
	free(spans);
	if (!good)
		err_set(e, ENOMEM, "out of memory");
	else
		a->rows = region_take(r, (size_t)a->dense * a->classes * sizeof *a->rows, e);
	good = good && a->rows;
	if (good) {
		fails_fill(a, order);
		for (uint32_t s = 1; s < a->quiet; s++)
			if (a->states[s].out)
				a->quiet = 0;
	}
	free(order);
	return good ? 0 : -1;
}

uint32_t automaton_search(const struct automaton *a, uint32_t state, unsigned char c)
{
	while (state >= a->dense) {
		const struct automaton_state *s = &a->states[state];
		uint32_t i = s->next_many >> 8, end = i + (s->next_many & 255);
		for (; i < end; i++)
			if ((unsigned char)a->states[i].fail_byte == c)
				return i;
		state = automaton_fail(a, state);
	}
	return a->rows[a->column[c] + state];
}

uint32_t automaton_lacks(const struct automaton *a, uint32_t state)
{
	uint32_t todo[LACKS_TODO] = { state }, n = 1, least = UINT32_MAX;
	uint32_t from = a->states[state].depth;
	while (n) {
		const struct automaton_state *s = &a->states[todo[--n]];
		uint32_t first = s->next_many >> 8, many = s->next_many & 255;
		if (s->out == s->depth) {
			least = s->depth - from < least ? s->depth - from : least;
			continue;
		}
		if (n + many > LACKS_TODO)
			return 0;
		for (uint32_t i = 0; i < many; i++)
			todo[n++] = first + i;
	}
	return least;
}
