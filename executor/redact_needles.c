/* Which forms of the values are looked for: the most telling ones of all values first, so that what
 * finds no room is the least. */
#include "executor/redact_set.h"

#include "executor/redact_escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ESC = 0x1b,
	STATE_COST = sizeof(struct automaton_state) + 1,
	LOOK_BACK = 64, /* needles among which one is not added again */
};

/* Where the needles of one value go. */
struct making {
	struct variant_sink sink;
	struct redact_set *set;
	size_t first[LANES]; /* this value's and round's needles begin here */
	size_t made;
	bool full;
};

/* As the lane sees it: no escapes, no NULs, white space as one space or none, none at the ends. */
static size_t normalise(unsigned char *to, enum redact_lane lane, const char *p, size_t n)
{
	const unsigned char *from = (const unsigned char *)p;
	size_t len = 0;
	bool space = false;
	struct escape esc;
	for (size_t i = 0; i < n; i++) {
		if (from[i] == ESC && escape_parse(from + i, n - i, true, &esc)) {
			i += esc.n - 1;
		} else if (redact_is_space(from[i])) {
			space = lane == LANE_TEXT && len;
		} else if (from[i]) {
			if (space)
				to[len++] = ' ';
			space = false;
			to[len++] = from[i];
		}
	}
	return len;
}

static bool is_there(const struct making *m, enum redact_lane lane, const void *p, size_t n)
{
	const struct redact_set *s = m->set;
	size_t end = s->n[lane], i = m->first[lane];
	for (i = end - i > LOOK_BACK ? end - LOOK_BACK : i; i < end; i++)
		if (s->needles[lane][i].n == n && !memcmp(s->needles[lane][i].p, p, n))
			return true;
	return false;
}

/* A needle of n normalised bytes, which lie at the end of the region's used part. */
static int needle_keep(struct making *m, enum redact_lane lane, size_t n, struct err *e)
{
	struct redact_set *s = m->set;
	const unsigned char *p = (const unsigned char *)s->region.p + s->region.used;
	if (is_there(m, lane, p, n))
		return 0;
	if (s->n[lane] == s->cap[lane]) {
		size_t cap = s->cap[lane] ? 2 * s->cap[lane] : 64;
		struct needle *v = reallocarray(s->needles[lane], cap, sizeof *v);
		if (!v)
			return err_set(e, ENOMEM, "out of memory");
		s->needles[lane] = v;
		s->cap[lane] = cap;
	}
	s->needles[lane][s->n[lane]++] = (struct needle){ p, (uint32_t)n, 0 };
	s->promised += n * STATE_COST;
	s->region.used += n;
	m->made++;
	return 0;
}

/* Forms are at least as long as the value: without room for it they need not be made. */
static bool no_room(struct making *m, size_t n)
{
	bool full = m->set->promised + n * STATE_COST > m->set->region.size;
	m->full |= full;
	return full;
}

/* A form becomes a needle; a very long one some that follow each other, whose masks join. */
static int needle_take(struct variant_sink *to, enum redact_lane lane, const char *p, size_t n,
		       struct err *e)
{
	struct making *m = (struct making *)to;
	struct redact_set *s = m->set;
	if (no_room(m, n))
		return 0;
	for (size_t i = 0; i < n;) {
		size_t piece = n - i < REDACT_LONGEST ? n - i : REDACT_WINDOW;
		unsigned char *at = (unsigned char *)s->region.p + s->region.used;
		size_t len = normalise(at, lane, p + i, piece);
		if (s->region.used + len > s->region.touched)
			s->region.touched = s->region.used + len;
		if (len >= REDACT_SHORT && needle_keep(m, lane, len, e) < 0)
			return -1;
		i += piece;
	}
	return 0;
}

/* The value itself, and what stands within escape sequences in it. */
static int make_raw(struct making *m, const char *p, size_t n, struct err *e)
{
	struct escape esc;
	if (needle_take(&m->sink, LANE_TEXT, p, n, e) < 0)
		return -1;
	for (const char *at = p; (at = memchr(at, ESC, n - (size_t)(at - p))); at += esc.n) {
		size_t left = n - (size_t)(at - p);
		if (!escape_parse((const unsigned char *)at, left, true, &esc))
			break;
		if (esc.n >= REDACT_ENCODED + 2 &&
		    needle_take(&m->sink, LANE_TEXT, at + 2, esc.n - 2, e) < 0)
			return -1;
	}
	return 0;
}

static int make_encoded(struct making *m, const char *p, size_t n, struct err *e)
{
	return n < REDACT_ENCODED || no_room(m, n) ? 0 : variants_encoded(&m->sink, p, n, e);
}

static int make_quoted(struct making *m, const char *p, size_t n, struct err *e)
{
	return n < REDACT_ENCODED || no_room(m, n) ? 0 : variants_quoted(&m->sink, p, n, e);
}

static bool is_pem_mark(const char *p, size_t n)
{
	return (n >= 10 && !memcmp(p, "-----BEGIN", 10)) || (n >= 8 && !memcmp(p, "-----END", 8));
}

/* The next line of [*at, end), trimmed; *at moves behind it. */
static size_t line_next(const char **at, const char *end, const char **line)
{
	const char *stop = *at;
	while (stop < end && *stop != '\n' && *stop != '\r')
		stop++;
	*line = *at;
	*at = stop < end ? stop + 1 : end;
	size_t n = (size_t)(stop - *line);
	redact_trim(line, &n);
	return n;
}

static int make_lines(struct making *m, const char *p, size_t n,
		      int (*make)(struct making *, const char *, size_t, struct err *),
		      struct err *e)
{
	const char *end = p + n, *line;
	if (!memchr(p, '\n', n) && !memchr(p, '\r', n))
		return 0;
	for (const char *at = p; at < end;) {
		size_t len = line_next(&at, end, &line);
		if (len >= REDACT_LINE && !is_pem_mark(line, len) && make(m, line, len, e) < 0)
			return -1;
	}
	return 0;
}

/* The base64 between PEM's marks, for the lane in which it can be wrapped anew. */
static int make_pem_body(struct making *m, const char *p, size_t n, struct err *e)
{
	const char *begin = memmem(p, n, "-----BEGIN", 10);
	const char *body = begin ? memchr(begin, '\n', n - (size_t)(begin - p)) : NULL;
	if (!body)
		return 0;
	size_t left = n - (size_t)(body - p);
	const char *end = memmem(body, left, "-----END", 8);
	size_t len = end ? (size_t)(end - body) : left;
	return needle_take(&m->sink, LANE_DENSE, body, len, e);
}

static int make_raw_lines(struct making *m, const char *p, size_t n, struct err *e)
{
	if (make_lines(m, p, n, make_raw, e) < 0)
		return -1;
	return make_pem_body(m, p, n, e);
}

static int make_encoded_lines(struct making *m, const char *p, size_t n, struct err *e)
{
	return make_lines(m, p, n, make_encoded, e);
}

static int make_quoted_lines(struct making *m, const char *p, size_t n, struct err *e)
{
	return make_lines(m, p, n, make_quoted, e);
}

/* The order is the order of importance. */
static int (*const rounds[])(struct making *, const char *, size_t, struct err *) = {
	make_raw, make_raw_lines, make_encoded, make_quoted, make_quoted_lines, make_encoded_lines,
};
enum { ROUNDS = sizeof rounds / sizeof *rounds };

static int make_round(struct redact_set *s, size_t round, struct redact_value *v, struct err *e)
{
	struct making m = {
		.sink = { needle_take },
		.set = s,
		.first = { s->n[LANE_TEXT], s->n[LANE_DENSE] },
	};
	if (rounds[round](&m, v->p, v->n, e) < 0)
		return -1;
	if (round == 0 && m.made == 0 && !m.full)
		return redact_set_warn(s, v->name, "nothing but escapes and spaces: not masked", e);
	if (m.full && !v->short_of_room) {
		v->short_of_room = true;
		return redact_set_warn(s, v->name, "too large: not all of its forms are masked", e);
	}
	return 0;
}

static int value_order(const void *a, const void *b)
{
	const struct redact_value *x = a, *y = b;
	return (x->n > y->n) - (x->n < y->n);
}

int redact_needles_make(struct redact_set *s, struct err *e)
{
	if (s->nvalues)
		qsort(s->values, s->nvalues, sizeof *s->values, value_order);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < s->nvalues; i++)
			if (make_round(s, round, &s->values[i], e) < 0)
				return err_wrap(e, "%s", s->values[i].name);
	return 0;
}
