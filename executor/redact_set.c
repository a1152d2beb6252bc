/* The values of a job, judged and kept where nothing else is, until they are compiled. */
#include "executor/redact_set.h"

#include "executor/redact_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

enum {
	FIXED = 1 << 20,     /* for patterns, rows and what filters ahead of the automata */
	FORMS = 1 << 20,     /* for needles, whatever the values take */
	LARGE = 4 << 10,     /* values that are longer ... */
	LARGE_ALL = 1 << 20, /* ... take no more than this together, so that others have room */
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
	madvise(p, REDACT_MEMORY, MADV_NOHUGEPAGE); /* most of it stays untouched */
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
	for (size_t i = 0; i < s->nvalues; i++)
		free(s->values[i].name);
	free(s->values);
	for (size_t i = 0; i < s->nprefixes; i++)
		free(s->prefixes[i]);
	buf_done(&s->warnings);
	free(s);
}

int redact_set_warn(struct redact_set *s, const char *name, const char *what, struct err *e)
{
	if (s->warnings.len > s->warnings.max - 1024)
		return 0; /* told enough */
	return buf_printf(&s->warnings, e, "%.256s: %s\n", name, what);
}

void redact_trim(const char **p, size_t *n)
{
	for (; *n && redact_is_space((unsigned char)**p); (*n)--)
		(*p)++;
	while (*n && redact_is_space((unsigned char)(*p)[*n - 1]))
		(*n)--;
}

static int values_reserve(struct redact_set *s, struct err *e)
{
	if (s->nvalues < s->values_cap)
		return 0;
	size_t cap = s->values_cap ? 2 * s->values_cap : 32;
	struct redact_value *v = reallocarray(s->values, cap, sizeof *v);
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	s->values = v;
	s->values_cap = cap;
	return 0;
}

/* Keep one value of at most REDACT_LONGEST bytes; one that is there already only once. */
static int value_keep(struct redact_set *s, const char *name, const char *p, size_t n,
		      struct err *e)
{
	for (size_t i = 0; i < s->nvalues; i++)
		if (s->values[i].n == n && !memcmp(s->values[i].p, p, n))
			return 0;
	size_t room = (n + 7) & ~(size_t)7; /* as the region hands it out */
	size_t large = n > LARGE ? room : 0;
	if (s->promised + room > s->region.size - FORMS || s->large + large > LARGE_ALL)
		return redact_set_warn(s, name, "no room left: not masked", e);
	if (values_reserve(s, e) < 0)
		return -1;
	char *copy = region_take(&s->region, n, e), *called = strdup(name);
	if (!copy || !called) {
		free(called);
		return copy ? err_set(e, ENOMEM, "out of memory") : -1;
	}
	memcpy(copy, p, n);
	s->promised += room;
	s->large += large;
	s->values[s->nvalues++] = (struct redact_value){ .name = called, .p = copy, .n = n };
	return 0;
}

/* The strings of a JSON document. */
struct leaves {
	struct json_sink sink;
	struct redact_set *set;
	const char *name;
};

static int leaf_take(struct json_sink *to, const char *p, size_t n, struct err *e)
{
	struct leaves *l = (struct leaves *)to;
	redact_trim(&p, &n);
	return n < REDACT_LINE ? 0 : value_keep(l->set, l->name, p, n, e);
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

static int value_add(struct redact_set *s, const char *name, const char *p, size_t n, struct err *e)
{
	static const char common[] =
		"a common word or one repeated character: masks will hide other text";
	if ((is_word(p, n) || is_one_byte(p, n)) && redact_set_warn(s, name, common, e) < 0)
		return -1;
	if (n > REDACT_LONGEST) {
		if (value_keep(s, name, p, REDACT_WINDOW, e) < 0)
			return -1;
		return value_keep(s, name, p + n - REDACT_WINDOW, REDACT_WINDOW, e);
	}
	struct leaves leaves = { .sink = { leaf_take }, .set = s, .name = name };
	if (value_keep(s, name, p, n, e) < 0)
		return -1;
	return json_leaves(&leaves.sink, p, n, e);
}

int redact_set_add(struct redact_set *s, const char *name, const void *value, size_t n,
		   struct err *e)
{
	const char *p = value;
	if (s->built)
		return err_set(e, EINVAL, "%s: masks are already built", name);
	if (n)
		redact_trim(&p, &n);
	if (n == 0)
		return 0;
	if (n >= REDACT_SHORT)
		return value_add(s, name, p, n, e) < 0 ? err_wrap(e, "%s", name) : 0;
	if (s->short_fails)
		return err_set(e, EINVAL, "%s: shorter than %d bytes, cannot be masked", name,
			       REDACT_SHORT);
	return redact_set_warn(s, name, "shorter than 4 bytes: not masked", e);
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
	if (s->built || s->nprefixes == WORDS_PREFIXES)
		return err_set(e, EINVAL, "token prefix: too many, or too late");
	char *copy = strdup(prefix);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	s->prefixes[s->nprefixes++] = copy;
	return 0;
}

int redact_set_build(struct redact_set *s, struct err *e)
{
	struct needle none;
	if (s->built)
		return err_set(e, EINVAL, "masks are already built");
	if (redact_needles_make(s, e) < 0)
		return -1;
	for (int lane = 0; lane < LANES; lane++)
		if (automaton_build(&s->lanes[lane], s->n[lane] ? s->needles[lane] : &none,
				    &s->n[lane], &s->region, e) < 0)
			return -1;
	const char *const *prefixes = (const char *const *)s->prefixes;
	if (words_build(&s->words, prefixes, &s->region, e) < 0)
		return -1;
	if (gate_build(s, e) < 0)
		return -1;
	s->built = true;
	return 0;
}

struct redact_set *redact_set_more(const struct redact_set *s, struct err *e)
{
	const struct redact_opts opts = { .mask = s->mask, .short_fails = s->short_fails };
	struct redact_set *to = redact_set_new(&opts, e);
	int r = to ? 0 : -1;
	for (size_t i = 0; r == 0 && i < s->nvalues; i++)
		r = value_keep(to, s->values[i].name, s->values[i].p, s->values[i].n, e);
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
