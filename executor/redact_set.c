/* The needles of a job: which of a value's forms are looked for, and where they are kept. */
#include "executor/redact_set.h"

#include "executor/redact_escape.h"
#include "executor/redact_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

enum {
	FIXED = 1 << 20, /* for patterns, rows and what filters ahead of the automata */
	STATE_COST = sizeof(struct automaton_state) + 1,
	LINES_ENCODED = 32, /* of longer values, lines are looked for only as they are */
	WINDOW = REDACT_LONGEST / 2,
};

/* Where one value's needles go. */
struct adding {
	struct variant_sink sink;
	struct json_sink json;
	struct redact_set *set;
	const char *name;
	size_t first[LANES]; /* this value's needles begin here */
	bool full;
};

struct redact_set *redact_set_new(const struct redact_opts *opts, struct err *e)
{
	const char *mask = opts && opts->mask ? opts->mask : "[MASKED]";
	size_t n = strlen(mask);
	if (n == 0 || n > REDACT_MASK_MAX) {
		err_set(e, EINVAL, "mask of %zu bytes", n);
		return NULL;
	}
	struct redact_set *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	memcpy(s->mask, mask, n);
	s->mask_n = n;
	s->short_fails = opts && opts->short_fails;
	s->warnings = (struct buf)BUF(256 << 10);
	s->promised = FIXED;
	char *p = mmap(NULL, REDACT_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (p == MAP_FAILED) {
		err_sys(e, "memory for masks");
		free(s);
		return NULL;
	}
	s->region = (struct redact_region){ .p = p, .size = REDACT_MEMORY };
	madvise(p, REDACT_MEMORY, MADV_DONTDUMP);
	s->locked = mlock2(p, REDACT_MEMORY, MLOCK_ONFAULT) == 0;
	return s;
}

void redact_set_free(struct redact_set *s)
{
	if (!s)
		return;
	explicit_bzero(s->region.p, s->region.touched);
	munmap(s->region.p, s->region.size);
	for (int lane = 0; lane < LANES; lane++)
		free(s->needles[lane]);
	for (size_t i = 0; i < s->nprefixes; i++)
		free(s->prefixes[i]);
	buf_done(&s->warnings);
	free(s);
}

static int warn(struct redact_set *s, const char *name, const char *what, struct err *e)
{
	if (s->warnings.len > s->warnings.max - 1024)
		return 0; /* told enough */
	return buf_printf(&s->warnings, e, "%.256s: %s\n", name, what);
}

/* A needle of n normalised bytes, which lie at the end of the region; it may be there already. */
static int needle_add(struct adding *a, enum redact_lane lane, size_t n, struct err *e)
{
	struct redact_set *s = a->set;
	const unsigned char *p = (const unsigned char *)s->region.p + s->region.used;
	for (size_t i = a->first[lane]; i < s->n[lane]; i++)
		if (s->needles[lane][i].n == n && !memcmp(s->needles[lane][i].p, p, n))
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
	return 0;
}

/* As the lane sees it: no escapes, no NULs, white space as one space or none, none at the ends. */
static size_t normalise(unsigned char *to, enum redact_lane lane, const char *p, size_t n)
{
	const unsigned char *from = (const unsigned char *)p;
	size_t len = 0;
	bool space = false;
	struct escape esc;
	for (size_t i = 0; i < n; i++) {
		if (from[i] == 0x1b && escape_parse(from + i, n - i, true, &esc)) {
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

/* A form becomes a needle; a very long one some that follow each other, whose masks join. */
static int needle_take(struct variant_sink *to, enum redact_lane lane, const char *p, size_t n,
		       struct err *e)
{
	struct adding *a = (struct adding *)to;
	struct redact_set *s = a->set;
	if (s->promised + n * STATE_COST > s->region.size) {
		a->full = true;
		return 0;
	}
	for (size_t i = 0; i < n;) {
		size_t piece = n - i < REDACT_LONGEST ? n - i : WINDOW;
		unsigned char *at = (unsigned char *)s->region.p + s->region.used;
		size_t len = normalise(at, lane, p + i, piece);
		if (s->region.used + len > s->region.touched)
			s->region.touched = s->region.used + len;
		if (len >= REDACT_SHORT && needle_add(a, lane, len, e) < 0)
			return -1;
		i += piece;
	}
	return 0;
}

/* What stands within escape sequences of a value is looked for as well. */
static int add_escaped(struct adding *a, const char *p, size_t n, struct err *e)
{
	struct escape esc;
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0x1b || !escape_parse((const unsigned char *)p + i, n - i, true, &esc))
			continue;
		if (esc.n > REDACT_ENCODED + 2 &&
		    needle_take(&a->sink, LANE_TEXT, p + i + 2, esc.n - 2, e) < 0)
			return -1;
		i += esc.n - 1;
	}
	return 0;
}

static int add_forms(struct adding *a, const char *p, size_t n, bool encoded, struct err *e)
{
	if (needle_take(&a->sink, LANE_TEXT, p, n, e) < 0)
		return -1;
	if (memchr(p, 0x1b, n) && add_escaped(a, p, n, e) < 0)
		return -1;
	if (n < REDACT_ENCODED || !encoded)
		return 0;
	if (variants_quoted(&a->sink, p, n, e) < 0)
		return -1;
	return variants_encoded(&a->sink, p, n, e);
}

static void trim(const char **p, size_t *n)
{
	for (; *n && redact_is_space((unsigned char)**p); (*n)--)
		(*p)++;
	while (*n && redact_is_space((unsigned char)(*p)[*n - 1]))
		(*n)--;
}

static bool is_pem_mark(const char *p, size_t n)
{
	return (n >= 10 && !memcmp(p, "-----BEGIN", 10)) || (n >= 8 && !memcmp(p, "-----END", 8));
}

/* The next line of [*at, end), without its end; *at moves behind it. */
static size_t line_next(const char **at, const char *end, const char **line)
{
	const char *stop = *at;
	while (stop < end && *stop != '\n' && *stop != '\r')
		stop++;
	*line = *at;
	*at = stop < end ? stop + 1 : end;
	size_t n = (size_t)(stop - *line);
	trim(line, &n);
	return n;
}

static int add_lines(struct adding *a, const char *p, size_t n, struct err *e)
{
	const char *end = p + n, *line;
	size_t lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n' || p[i] == '\r';
	if (lines == 0)
		return 0;
	for (const char *at = p; at < end;) {
		size_t len = line_next(&at, end, &line);
		if (len >= REDACT_LINE && !is_pem_mark(line, len) &&
		    add_forms(a, line, len, lines < LINES_ENCODED, e) < 0)
			return -1;
	}
	return 0;
}

/* The base64 between PEM's marks, for the lane in which it can be wrapped anew. */
static int add_pem_body(struct adding *a, const char *p, size_t n, struct err *e)
{
	const char *begin = memmem(p, n, "-----BEGIN", 10);
	const char *body = begin ? memchr(begin, '\n', n - (size_t)(begin - p)) : NULL;
	if (!body)
		return 0;
	size_t left = n - (size_t)(body - p);
	const char *end = memmem(body, left, "-----END", 8);
	size_t len = end ? (size_t)(end - body) : left;
	return needle_take(&a->sink, LANE_DENSE, body, len, e);
}

static int add_whole(struct adding *a, const char *p, size_t n, struct err *e)
{
	if (add_forms(a, p, n, true, e) < 0 || add_lines(a, p, n, e) < 0)
		return -1;
	return add_pem_body(a, p, n, e);
}

static int leaf_take(struct json_sink *to, const char *p, size_t n, struct err *e)
{
	struct adding *a = (struct adding *)((char *)to - offsetof(struct adding, json));
	trim(&p, &n);
	if (n < REDACT_LINE)
		return 0;
	return add_whole(a, p, n, e);
}

static bool is_word(const char *p, size_t n)
{
	static const char *const words[] = {
		"true", "false", "null",   "none", "yes",       "no",         "test",
		"root", "admin", "docker", "main", "localhost", "production",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && !strncasecmp(words[i], p, n))
			return true;
	return false;
}

static bool is_one_byte(const char *p, size_t n)
{
	size_t i = 1;
	while (i < n && p[i] == p[0])
		i++;
	return i == n;
}

/* Needles of a value of at least REDACT_SHORT bytes. */
static int add_value(struct adding *a, const char *p, size_t n, struct err *e)
{
	struct redact_set *s = a->set;
	if ((is_word(p, n) || is_one_byte(p, n)) &&
	    warn(s, a->name, "a common word or one repeated character: masks will hide other text",
		 e) < 0)
		return -1;
	size_t before = s->n[LANE_TEXT];
	if (needle_take(&a->sink, LANE_TEXT, p, n < WINDOW ? n : WINDOW, e) < 0)
		return -1;
	bool seen = s->n[LANE_TEXT] > before;
	if (n <= REDACT_LONGEST - 1) {
		if (add_whole(a, p, n, e) < 0 || json_leaves(&a->json, p, n, e) < 0)
			return -1;
	} else {
		const char *tail = p + n - WINDOW;
		if (add_whole(a, p, WINDOW, e) < 0 || add_whole(a, tail, WINDOW, e) < 0)
			return -1;
	}
	if (a->full && warn(s, a->name, "too large: not all of its forms are masked", e) < 0)
		return -1;
	if (!a->full && !seen)
		return warn(s, a->name, "nothing but escapes and spaces: not masked", e);
	return 0;
}

int redact_set_add(struct redact_set *s, const char *name, const void *value, size_t n,
		   struct err *e)
{
	const char *p = value;
	if (s->built)
		return err_set(e, EINVAL, "%s: masks are already built", name);
	if (n == 0)
		return 0;
	trim(&p, &n);
	if (n == 0)
		return 0;
	struct adding a = {
		.sink = { needle_take },
		.json = { leaf_take },
		.set = s,
		.name = name,
		.first = { s->n[LANE_TEXT], s->n[LANE_DENSE] },
	};
	if (n >= REDACT_SHORT)
		return add_value(&a, p, n, e) < 0 ? err_wrap(e, "%s", name) : 0;
	if (s->short_fails)
		return err_set(e, EINVAL, "%s: shorter than %d bytes, cannot be masked", name,
			       REDACT_SHORT);
	return warn(s, name, "shorter than 4 bytes: not masked", e);
}

int redact_set_prefix(struct redact_set *s, const char *prefix, struct err *e)
{
	size_t n = strlen(prefix);
	bool plain = n > 0 && n <= REDACT_PREFIX_MAX;
	for (size_t i = 0; plain && i < n; i++)
		plain = prefix[i] > ' ' && prefix[i] < 0x7f;
	if (!plain)
		return err_set(e, EINVAL, "token prefix: not 1 to %d printable characters",
			       REDACT_PREFIX_MAX);
	if (s->built || s->nprefixes == PATTERN_PREFIXES)
		return err_set(e, EINVAL, "token prefix: too many, or too late");
	char *copy = strdup(prefix);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	s->prefixes[s->nprefixes++] = copy;
	return 0;
}

int redact_set_build(struct redact_set *s, struct err *e)
{
	if (s->built)
		return err_set(e, EINVAL, "masks are already built");
	struct needle none;
	for (int lane = 0; lane < LANES; lane++)
		if (automaton_build(&s->lanes[lane], s->n[lane] ? s->needles[lane] : &none,
				    &s->n[lane], &s->region, e) < 0)
			return -1;
	const char *const *prefixes = (const char *const *)s->prefixes;
	if (pattern_build(&s->patterns, prefixes, &s->region, e) < 0)
		return -1;
	s->built = true;
	return 0;
}

/* The needles of s, as they are. */
static int copy_needles(struct redact_set *to, const struct redact_set *s, struct err *e)
{
	struct adding a = { .sink = { needle_take }, .set = to, .name = "" };
	for (int lane = 0; lane < LANES; lane++)
		for (size_t i = 0; i < s->n[lane]; i++) {
			const struct needle *v = &s->needles[lane][i];
			a.first[lane] = to->n[lane];
			if (needle_take(&a.sink, (enum redact_lane)lane, (const char *)v->p, v->n,
					e) < 0)
				return -1;
		}
	return 0;
}

struct redact_set *redact_set_more(const struct redact_set *s, struct err *e)
{
	const struct redact_opts opts = { .mask = s->mask, .short_fails = s->short_fails };
	struct redact_set *to = redact_set_new(&opts, e);
	int r = to ? copy_needles(to, s, e) : -1;
	for (size_t i = 0; r == 0 && i < s->nprefixes; i++)
		r = redact_set_prefix(to, s->prefixes[i], e);
	if (r < 0) {
		redact_set_free(to);
		return NULL;
	}
	return to;
}

const char *redact_set_warnings(const struct redact_set *s)
{
	return buf_cstr(&s->warnings);
}

bool redact_set_locked(const struct redact_set *s)
{
	return s->locked;
}

size_t redact_set_memory(const struct redact_set *s)
{
	return s->region.used;
}

size_t redact_set_needles(const struct redact_set *s)
{
	return s->n[LANE_TEXT] + s->n[LANE_DENSE];
}
