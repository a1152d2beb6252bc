#include "protocol/json.h"

#include "base/buf.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- a document --------------------------------------------------------------------------------- */

/* Depth and number of values, known before the first of them is allocated. */
struct shape {
	size_t depth, deepest, values;
	bool quoted, escaped;
};

static void shape_byte(struct shape *s, char c)
{
	if (s->quoted) {
		bool escaped = s->escaped;
		s->escaped = !escaped && c == '\\';
		s->quoted = escaped || c != '"';
		return;
	}
	s->quoted = c == '"';
	s->values += c == ',' || c == '[' || c == '{';
	if (c == '[' || c == '{')
		s->depth++;
	else if ((c == ']' || c == '}') && s->depth)
		s->depth--;
	if (s->depth > s->deepest)
		s->deepest = s->depth;
}

static int shape_check(const char *text, size_t n, struct err *e)
{
	struct shape s = { 0 };
	for (size_t i = 0; i < n; i++)
		shape_byte(&s, text[i]);
	if (s.deepest > JSON_DEPTH_MAX)
		return err_set(e, EINVAL, "nested %zu deep, at most %d", s.deepest, JSON_DEPTH_MAX);
	if (s.values > JSON_VALUES_MAX)
		return err_set(e, E2BIG, "%zu values, at most %d", s.values, JSON_VALUES_MAX);
	return 0;
}

struct reason {
	enum json_error_code code;
	const char *text;
};

/* Our words: the library's own quote what stands near, which may be a token. */
static const struct reason reasons[] = {
	{ json_error_premature_end_of_input, "the text ends too early" },
	{ json_error_end_of_input_expected, "something follows the end" },
	{ json_error_invalid_utf8, "invalid UTF-8" },
	{ json_error_null_character, "a string holds a NUL" },
	{ json_error_null_byte_in_key, "a key holds a NUL" },
	{ json_error_numeric_overflow, "a number is too large" },
	{ json_error_out_of_memory, "out of memory" },
};

static const char *reason_text(const json_error_t *error)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].code == json_error_code(error))
			return reasons[i].text;
	return "not JSON";
}

json_t *json_read(const char *text, size_t n, size_t max, struct err *e)
{
	json_error_t error = { 0 };
	if (n > max) {
		err_set(e, E2BIG, "%zu bytes, at most %zu", n, max);
		return NULL;
	}
	if (shape_check(text, n, e) < 0)
		return NULL;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (j)
		return j;
	if (json_error_code(&error) == json_error_duplicate_key) /* names the key, no value */
		err_set(e, EINVAL, "line %d column %d: %s", error.line, error.column, error.text);
	else
		err_set(e, EINVAL, "line %d column %d: %s", error.line, error.column,
			reason_text(&error));
	return NULL;
}

void json_text_free(char *text)
{
	json_free_t release;
	json_get_alloc_funcs(NULL, &release);
	release(text);
}

/* --- a place ------------------------------------------------------------------------------------ */

static struct json_at at_value(struct json_at at)
{
	if (json_is_null(at.value))
		at.value = NULL;
	return at;
}

struct json_at json_at_key(const struct json_at *up, const char *key)
{
	return at_value((struct json_at){ up, key, 0, json_object_get(up->value, key) });
}

struct json_at json_at_index(const struct json_at *up, size_t index)
{
	return at_value((struct json_at){ up, NULL, index, json_array_get(up->value, index) });
}

/* "steps[2].timeout" into b. */
static int path_put(const struct json_at *at, struct buf *b, struct err *e)
{
	const struct json_at *chain[JSON_DEPTH_MAX];
	size_t n = 0;
	for (; at->up && n < JSON_DEPTH_MAX; at = at->up)
		chain[n++] = at;
	while (n--) {
		int r = chain[n]->key ? buf_printf(b, e, "%s%s", b->len ? "." : "", chain[n]->key)
				      : buf_printf(b, e, "[%zu]", chain[n]->index);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* One line, whatever it quotes. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (!str_is_printable(s, 1))
			*s = '?';
}

int json_at_fail(const struct json_at *at, struct err *e, const char *fmt, ...)
{
	autobuf path = BUF(256);
	char text[256];
	va_list ap;
	struct err too_long = { 0 };
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const char *more = path_put(at, &path, &too_long) < 0 ? "…" : "";
	err_set(e, EINVAL, "%s%s%s%s", buf_cstr(&path), more, path.len ? ": " : "", text);
	make_printable(e->msg);
	return -1;
}

int json_at_object(const struct json_at *at, struct err *e)
{
	return !at->value || json_is_object(at->value) ? 0 : json_at_fail(at, e, "not an object");
}

int json_at_array(const struct json_at *at, struct err *e)
{
	return !at->value || json_is_array(at->value) ? 0 : json_at_fail(at, e, "not a list");
}

/* --- a table ------------------------------------------------------------------------------------ */

int json_take(const struct json_at *at, const struct json_table *t, void *to, struct arena *a,
	      struct err *e)
{
	if (json_at_object(at, e) < 0)
		return -1;
	for (size_t i = 0; i < t->nrows; i++) {
		struct json_at member = json_at_key(at, t->rows[i].key);
		if (t->rows[i].take(&member, &t->rows[i], to, a, e) < 0)
			return -1;
	}
	return t->check ? t->check(at, to, a, e) : 0;
}

/* The field of a row; memcpy, because `to` is only known as bytes. */
static void put(void *to, size_t offset, const void *from, size_t n)
{
	memcpy((char *)to + offset, from, n);
}

/* The string at `at`, copied: "" when absent. NULL with e set. */
static const char *text_at(const struct json_at *at, const struct json_row *row, struct arena *a,
			   struct err *e)
{
	size_t n = json_string_length(at->value);
	if (at->value && !json_is_string(at->value)) {
		json_at_fail(at, e, "not a string");
		return NULL;
	}
	if (n < row->min) {
		json_at_fail(at, e, at->value ? "empty" : "missing");
		return NULL;
	}
	if (row->max && n > row->max) {
		json_at_fail(at, e, "%zu bytes, at most %llu", n, (unsigned long long)row->max);
		return NULL;
	}
	const char *s = n ? arena_strndup(a, json_string_value(at->value), n, e) : "";
	if (!s)
		json_at_fail(at, e, "%zu bytes more: memory limit of %zu bytes reached", n, a->max);
	return s;
}

JSON_TAKER(text)
{
	const char *s = text_at(at, row, a, e);
	if (!s)
		return -1;
	put(to, row->to, &s, sizeof s);
	return 0;
}

JSON_TAKER(line)
{
	const char *s = text_at(at, row, a, e);
	if (!s)
		return -1;
	if (!str_is_printable(s, strlen(s)))
		return json_at_fail(at, e, "a control byte in it");
	put(to, row->to, &s, sizeof s);
	return 0;
}

JSON_TAKER(word)
{
	const char *const *words = row->more;
	const char *s = text_at(at, row, a, e);
	if (!s)
		return -1;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], s) != 0 && (*s || i))
			continue;
		put(to, row->to, &i, sizeof i);
		return 0;
	}
	char list[128] = "";
	for (size_t i = 0; words[i]; i++) {
		size_t n = strlen(list);
		snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", words[i]);
	}
	return json_at_fail(at, e, "not one of: %s", list);
}

JSON_TAKER(flag)
{
	(void)a;
	if (at->value && !json_is_boolean(at->value))
		return json_at_fail(at, e, "not true or false");
	bool b = json_is_true(at->value);
	put(to, row->to, &b, sizeof b);
	return 0;
}

/* A whole number in the row's range; max 0 means the type's own, `most`. */
static int number_at(const struct json_at *at, const struct json_row *row, uint64_t most,
		     uint64_t *ret, struct err *e)
{
	uint64_t max = row->max ? row->max : most;
	*ret = 0;
	if (!at->value && row->min)
		return json_at_fail(at, e, "missing");
	if (at->value && !json_is_number(at->value))
		return json_at_fail(at, e, "not a number");
	if (at->value && !json_is_integer(at->value))
		return json_at_fail(at, e, "not a whole number");
	json_int_t i = json_integer_value(at->value);
	if (i < 0 || (uint64_t)i < row->min || (uint64_t)i > max)
		return json_at_fail(at, e, "%lld is not in %llu to %llu", (long long)i,
				    (unsigned long long)row->min, (unsigned long long)max);
	*ret = (uint64_t)i;
	return 0;
}

JSON_TAKER(u64)
{
	uint64_t v;
	(void)a;
	if (number_at(at, row, INT64_MAX, &v, e) < 0)
		return -1;
	put(to, row->to, &v, sizeof v);
	return 0;
}

JSON_TAKER(unsigned)
{
	uint64_t v;
	(void)a;
	if (number_at(at, row, UINT_MAX, &v, e) < 0)
		return -1;
	unsigned u = (unsigned)v;
	put(to, row->to, &u, sizeof u);
	return 0;
}

/* The array at `at`, within the row's limits: its length, or -1 with e set. */
static long length_at(const struct json_at *at, const struct json_row *row, struct err *e)
{
	if (json_at_array(at, e) < 0)
		return -1;
	size_t n = json_array_size(at->value);
	if (n < row->min)
		return json_at_fail(at, e, at->value ? "empty" : "missing");
	if (row->max && n > row->max)
		return json_at_fail(at, e, "%zu items, at most %llu", n,
				    (unsigned long long)row->max);
	return (long)n;
}

JSON_TAKER(texts)
{
	static const struct json_row item = { .key = "" };
	long n = length_at(at, row, e);
	const char **list = n > 0 ? arena_array(a, (size_t)n, sizeof *list, e) : NULL;
	if (n < 0 || (n > 0 && !list))
		return -1;
	for (long i = 0; i < n; i++) {
		struct json_at place = json_at_index(at, (size_t)i);
		list[i] = text_at(&place, &item, a, e);
		if (!list[i])
			return -1;
	}
	size_t count = (size_t)n;
	put(to, row->to, &list, sizeof list);
	put(to, row->count, &count, sizeof count);
	return 0;
}

JSON_TAKER(object)
{
	if (!at->value && row->min)
		return json_at_fail(at, e, "missing");
	return json_take(at, row->more, to, a, e);
}

JSON_TAKER(list)
{
	const struct json_table *t = row->more;
	long n = length_at(at, row, e);
	char *items = n > 0 ? arena_array(a, (size_t)n, t->size, e) : NULL;
	if (n < 0 || (n > 0 && !items))
		return -1;
	for (long i = 0; i < n; i++) {
		struct json_at place = json_at_index(at, (size_t)i);
		if (json_take(&place, t, items + (size_t)i * t->size, a, e) < 0)
			return -1;
	}
	size_t count = (size_t)n;
	put(to, row->to, &items, sizeof items);
	put(to, row->count, &count, sizeof count);
	return 0;
}
