/* Aho and Corasick's automaton. Children lie beside each other, and the only child of a state behind
 * it, so that following one needle reads memory in order. */
#include "executor/redact_automaton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATES_MAX = 1 << AUTOMATON_LOW_SHIFT,
	ROWS_MAX = 32 << 10, /* places in rows, but for those of the root and its children */
	ROWS_SHARE = 6,      /* so many states for each of them, at least */
	LACKS_TODO = 1024,
	OTHERS = 1, /* the class of bytes that are in no needle */
};

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

/* What only building needs to know of a state. */
struct draft {
	uint32_t target; /* whose row it uses */
	uint32_t row;    /* where its own begins, + 1; 0 none */
	bool wanted;     /* it should have one */
};

static unsigned char byte_of(const struct automaton *a, uint32_t s)
{
	return (unsigned char)a->states[s].fail_byte;
}

/* Set what is not of the depth. */
static void child_set(struct automaton *a, uint32_t s, uint32_t place)
{
	const uint32_t keep = ((1U << AUTOMATON_LOW) - 1) << AUTOMATON_LOW_SHIFT;
	a->states[s].child = (a->states[s].child & keep) | (place & ~keep);
}

static void row_set(struct automaton *a, uint32_t s, uint32_t row_byte)
{
	const uint32_t keep = 31U << AUTOMATON_HIGH_SHIFT;
	a->states[s].row_byte = (a->states[s].row_byte & keep) | (row_byte & ~keep);
}

static bool is_leaf(const struct automaton *a, uint32_t s)
{
	return automaton_depth(a, a->states[s].child) != automaton_depth(a, s) + 1;
}

/* The first child of s, 0 none; the next one after child i, 0 none. */
static uint32_t child_first(const struct automaton *a, uint32_t s)
{
	return is_leaf(a, s) ? 0 : automaton_number(a, a->states[s].child);
}

static uint32_t child_next(const struct automaton *a, uint32_t i)
{
	return a->states[i].fail_byte & AUTOMATON_LAST ? 0 : i + 1;
}

/* The child of s that c leads to, 0 none. */
static uint32_t child_of(const struct automaton *a, uint32_t s, unsigned char c)
{
	uint32_t i = child_first(a, s);
	while (i && byte_of(a, i) != c)
		i = child_next(a, i);
	return i;
}

static uint32_t place_of(const struct automaton *a, uint32_t s)
{
	uint32_t row = a->states[s].row_byte;
	return (a->states[s].fail_byte & AUTOMATON_SOME ? AUTOMATON_ENDS : 0) |
	       (row & AUTOMATON_OWN ? AUTOMATON_ROW | row >> AUTOMATON_ROW_SHIFT : s);
}

/* Give state s its children, one for each byte that its needles go on with. */
static void expand(struct automaton *a, struct span *spans, uint32_t s, const struct needle *v)
{
	uint32_t lo = spans[s].lo, hi = spans[s].hi, depth = automaton_depth(a, s);
	if (lo < hi && v[lo].n == depth) {
		a->states[s].fail_byte |= AUTOMATON_WHOLE | AUTOMATON_SOME;
		lo++;
	}
	if (lo == hi)
		return;
	child_set(a, s, a->nstates);
	row_set(a, s, v[lo].p[depth]);
	while (lo < hi) {
		unsigned char c = v[lo].p[depth];
		uint32_t end = lo + 1;
		while (end < hi && v[end].p[depth] == c)
			end++;
		a->states[a->nstates] = (struct automaton_state){
			.child = (depth + 1) << AUTOMATON_LOW_SHIFT & ~AUTOMATON_ENDS &
				 ~AUTOMATON_ROW,
			.row_byte = (depth + 1) >> AUTOMATON_LOW << AUTOMATON_HIGH_SHIFT,
			.fail_byte = c | (end == hi ? AUTOMATON_LAST : 0),
		};
		spans[a->nstates++] = (struct span){ lo, end };
		lo = end;
	}
}

/* Number the classes of bytes: each that a needle has, and all others. */
static void classes_number(struct automaton *a)
{
	for (unsigned c = 0; c < 256; c++)
		a->class[c] = OTHERS;
	a->classes = OTHERS + 1;
	for (uint32_t i = 1; i < a->nstates; i++)
		if (a->class[byte_of(a, i)] == OTHERS)
			a->class[byte_of(a, i)] = (uint16_t)a->classes++;
}

/* The states by depth, into order. False: out of memory. */
static bool order_fill(const struct automaton *a, uint32_t *order)
{
	uint32_t *places = calloc((size_t)a->longest + 2, sizeof *places);
	if (!places)
		return false;
	for (uint32_t s = 0; s < a->nstates; s++)
		places[automaton_depth(a, s) + 1]++;
	for (uint32_t depth = 1; depth <= a->longest; depth++)
		places[depth] += places[depth - 1];
	for (uint32_t s = 0; s < a->nstates; s++)
		order[places[automaton_depth(a, s)]++] = s;
	free(places);
	return true;
}

/* Where each state goes when nothing fits, and so what ends there: its parents come before it in order. */
static void fails_fill(struct automaton *a, const uint32_t *order)
{
	uint32_t roots[256] = { 0 };
	for (uint32_t i = child_first(a, 0); i; i = child_next(a, i))
		roots[byte_of(a, i)] = i;
	for (uint32_t k = 0; k < a->nstates; k++) {
		uint32_t parent = order[k];
		for (uint32_t i = child_first(a, parent); i; i = child_next(a, i)) {
			uint32_t f = parent, to = 0;
			while (f && !to) {
				f = automaton_fail(a, f);
				to = f ? child_of(a, f, byte_of(a, i)) : roots[byte_of(a, i)];
			}
			a->states[i].fail_byte |= to << 8 |
						  (a->states[to].fail_byte & AUTOMATON_SOME);
		}
	}
}

/* Whose row each state uses, and who so has to have one. */
static void targets_fill(const struct automaton *a, const uint32_t *order, struct draft *d)
{
	for (uint32_t k = 0; k < a->nstates; k++) {
		uint32_t s = order[k], first = child_first(a, s), f = automaton_fail(a, s);
		if (s == 0 || (first && child_next(a, first))) {
			d[s].target = s;
			d[s].wanted = true;
			continue;
		}
		bool own = d[f].target == f ||
			   (first && byte_of(a, child_first(a, f)) != byte_of(a, first));
		d[s].target = own ? f : d[f].target;
		d[d[s].target].wanted = true;
	}
}

/* Where the rows begin: the root has one, and its children that need it, then others while there is room. */
static size_t rows_place(const struct automaton *a, const uint32_t *order, struct draft *d)
{
	size_t used = 0, most = (size_t)a->nstates / ROWS_SHARE;
	most = most < ROWS_MAX ? most : ROWS_MAX;
	for (uint32_t k = 0; k < a->nstates; k++) {
		uint32_t s = order[k];
		bool first = automaton_depth(a, s) <= 1;
		if (!d[s].wanted || !(first || used + a->classes <= most))
			continue;
		d[s].row = (uint32_t)used + 1;
		used += a->classes;
		most += first ? a->classes : 0;
	}
	return used;
}

/* The row of a state, after all of what it fails to. */
static void row_fill(struct automaton *a, uint32_t s, uint32_t *row)
{
	uint32_t fail = automaton_fail(a, s);
	row[OTHERS] = AUTOMATON_ROW; /* the root's, which is the first */
	for (unsigned c = 1; c < 256; c++)
		if (a->class[c] != OTHERS)
			row[a->class[c]] = s ? automaton_step(a, fail, (unsigned char)c)
					     : (uint32_t)AUTOMATON_ROW;
	for (uint32_t i = child_first(a, s); i; i = child_next(a, i))
		row[a->class[byte_of(a, i)]] = place_of(a, i);
}

static void steps_fill(struct automaton *a, const uint32_t *order, const struct draft *d)
{
	for (uint32_t s = 0; s < a->nstates; s++)
		if (d[s].row) {
			a->rows[d[s].row - 1] = s;
			a->states[s].row_byte |= (d[s].row - 1) << AUTOMATON_ROW_SHIFT |
						 (uint32_t)AUTOMATON_OWN;
		}
	for (uint32_t k = 0; k < a->nstates; k++) {
		uint32_t s = order[k], row = d[d[s].target].row;
		bool leaf = is_leaf(a, s);
		if (!leaf)
			child_set(a, s, place_of(a, automaton_number(a, a->states[s].child)));
		if (d[s].row) {
			row_fill(a, s, a->rows + d[s].row - 1);
		} else if (leaf) {
			const struct automaton_state *as = &a->states[automaton_fail(a, s)];
			child_set(a, s, as->child);
			row_set(a, s, as->row_byte & ~(uint32_t)AUTOMATON_OWN);
		} else {
			a->states[s].row_byte |= row ? (row - 1) << AUTOMATON_ROW_SHIFT
						     : (uint32_t)AUTOMATON_HARD;
		}
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
		for (uint32_t i = a->nstates; i-- > first;)
			todo[n++] = i;
	}
}

/* What building needs for a while. */
struct scratch {
	struct span *spans;
	uint32_t *order;
	struct draft *drafts;
	struct redact_region *region;
};

static int build(struct automaton *a, const struct needle *needles, size_t n, struct scratch *with,
		 struct err *e)
{
	with->spans[0].hi = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		a->longest = needles[i].n > a->longest ? needles[i].n : a->longest;
	states_fill(a, with->spans, with->order, needles);
	if (!order_fill(a, with->order))
		return err_set(e, ENOMEM, "out of memory");
	fails_fill(a, with->order);
	classes_number(a);
	targets_fill(a, with->order, with->drafts);
	size_t places = rows_place(a, with->order, with->drafts);
	a->rows = region_take(with->region, places * sizeof *a->rows, e);
	if (!a->rows)
		return -1;
	steps_fill(a, with->order, with->drafts);
	return 0;
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
	struct scratch with = { calloc(states, sizeof *with.spans),
				calloc(states, sizeof *with.order),
				calloc(states, sizeof *with.drafts), r };
	int result = with.spans && with.order && with.drafts ? build(a, needles, *n, &with, e)
							     : err_set(e, ENOMEM, "out of memory");
	free(with.spans);
	free(with.order);
	free(with.drafts);
	return result;
}

uint32_t automaton_search(const struct automaton *a, uint32_t place, unsigned char c)
{
	uint32_t s = automaton_number(a, place);
	while (!(a->states[s].row_byte & AUTOMATON_OWN)) {
		uint32_t i = child_of(a, s, c);
		if (i)
			return place_of(a, i);
		s = automaton_fail(a, s);
	}
	return a->rows[(a->states[s].row_byte >> AUTOMATON_ROW_SHIFT) + a->class[c]];
}

uint32_t automaton_out(const struct automaton *a, uint32_t place)
{
	uint32_t s = automaton_number(a, place);
	while (s && !(a->states[s].fail_byte & AUTOMATON_WHOLE))
		s = automaton_fail(a, s);
	return automaton_depth(a, s);
}

uint32_t automaton_lacks(const struct automaton *a, uint32_t place)
{
	uint32_t todo[LACKS_TODO] = { automaton_number(a, place) }, n = 1, least = UINT32_MAX;
	uint32_t from = automaton_depth(a, place);
	while (n) {
		uint32_t s = todo[--n], lacks = automaton_depth(a, s) - from;
		if (a->states[s].fail_byte & AUTOMATON_WHOLE) {
			least = lacks < least ? lacks : least;
			continue;
		}
		for (uint32_t i = child_first(a, s); i; i = child_next(a, i)) {
			if (n == LACKS_TODO)
				return 0;
			todo[n++] = i;
		}
	}
	return least;
}
