#include "protocol/vault_json.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * jansson reads numbers into long long and double. A secret that is 0123456789012345678901 or 1.10
 * must come out as it went in, so a number becomes a string that begins with NUL and '#', and a
 * string that itself begins with NUL gets NUL and '$' before it.
 */
static const char number_mark[] = "\"\\u0000#", nul_mark[] = "\\u0000$", nul_text[] = "\\u0000";
enum { MARK = 2, DEPTH_MAX = 64, TEXT_MAX = 16 << 20, SIZE_ROOM = 16 };

static void *guarded_alloc(size_t n)
{
	char *p = n < SIZE_MAX - SIZE_ROOM ? malloc(n + SIZE_ROOM) : NULL;
	if (!p)
		return NULL;
	memcpy(p, &n, sizeof n);
	return p + SIZE_ROOM;
}

static void guarded_free(void *at)
{
	if (!at)
		return;
	char *p = (char *)at - SIZE_ROOM;
	size_t n;
	memcpy(&n, p, sizeof n);
	explicit_bzero(p, n + SIZE_ROOM);
	free(p);
}

void vault_json_guard(void)
{
	json_set_alloc_funcs(guarded_alloc, guarded_free);
}

/* Past the digits at s; NULL when there is none. NULL in, NULL out. */
static const char *past_digits(const char *s, const char *end)
{
	const char *at = s;
	while (at && at < end && *at >= '0' && *at <= '9')
		at++;
	return at == s ? NULL : at;
}

/* Past s if it is one of the bytes of any. */
static const char *past_one(const char *s, const char *end, const char *any)
{
	return s < end && strchr(any, *s) && *s ? s + 1 : s;
}

/* The length of the JSON number at s, 0 when it is none. */
static size_t number_length(const char *s, const char *end)
{
	const char *first = past_one(s, end, "-"), *at = past_digits(first, end);
	if (at && *first == '0' && at - first > 1)
		return 0;
	if (at && at < end && *at == '.')
		at = past_digits(at + 1, end);
	const char *power = at ? past_one(at, end, "eE") : NULL;
	if (power != at)
		at = past_digits(past_one(power, end, "+-"), end);
	return at ? (size_t)(at - s) : 0;
}

/* The length of the string at s with both its quotes; what is not closed ends with the text. */
static size_t string_length(const char *s, const char *end)
{
	const char *at = s + 1;
	while (at < end && *at != '"')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	return (size_t)(at - s) + (at < end ? 1 : 0);
}

static int mark_string(struct buf *out, const char *s, size_t n, struct err *e)
{
	size_t nul = strlen(nul_text);
	if (n <= nul || memcmp(s + 1, nul_text, nul) != 0)
		return buf_add(out, s, n, e);
	if (buf_char(out, '"', e) < 0 || buf_str(out, nul_mark, e) < 0)
		return -1;
	return buf_add(out, s + 1, n - 1, e);
}

static int mark_number(struct buf *out, const char *s, size_t n, struct err *e)
{
	if (buf_str(out, number_mark, e) < 0 || buf_add(out, s, n, e) < 0)
		return -1;
	return buf_char(out, '"', e);
}

/* How many bytes the marks can add at most: the copy is never moved, so nothing is left behind. */
static size_t marks_room(const char *s, size_t n)
{
	size_t room = 0;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '"' || s[i] == '-' || (s[i] >= '0' && s[i] <= '9'))
			room += sizeof number_mark;
	return room;
}

static int mark(struct buf *out, const char *s, size_t n, struct err *e)
{
	if (buf_reserve(out, n + marks_room(s, n), e) < 0)
		return -1;
	for (const char *end = s + n; s < end;) {
		size_t len = 1;
		int put;
		if (*s == '"') {
			len = string_length(s, end);
			put = mark_string(out, s, len, e);
		} else if (*s == '-' || (*s >= '0' && *s <= '9')) {
			len = number_length(s, end);
			put = len ? mark_number(out, s, len, e) : err_set(e, EPROTO, "no number");
		} else {
			put = buf_char(out, *s, e);
		}
		if (put < 0)
			return -1;
		s += len;
	}
	return 0;
}

json_t *vault_json_parse(const char *text, size_t n, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf copy = BUF(TEXT_MAX);
	json_error_t where;
	if (mark(&copy, text, n, e) < 0)
		return NULL;
	json_t *v = json_loadb(buf_cstr(&copy), copy.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			       &where);
	if (json_is_object(v))
		return v;
	json_decref(v);
	err_set(e, EPROTO, "the answer is not a JSON object");
	return NULL;
}

static const char *marked(const json_t *v, char kind)
{
	if (!json_is_string(v) || json_string_length(v) < MARK)
		return NULL;
	const char *s = json_string_value(v);
	return s[0] == '\0' && s[1] == kind ? s + MARK : NULL;
}

const char *vault_json_number(const json_t *v)
{
	return marked(v, '#');
}

const char *vault_json_string(const json_t *v, size_t *n)
{
	if (!json_is_string(v) || vault_json_number(v))
		return NULL;
	const char *own = marked(v, '$');
	*n = json_string_length(v) - (own ? MARK : 0);
	return own ? own : json_string_value(v);
}

const char *vault_json_text(const json_t *object, const char *key)
{
	size_t n = 0;
	const char *s = vault_json_string(json_object_get(object, key), &n);
	return s && strlen(s) == n ? s : "";
}

uint64_t vault_json_u64(const json_t *object, const char *key)
{
	const char *s = vault_json_number(json_object_get(object, key));
	uint64_t n = 0;
	return s && str_u64(s, UINT64_MAX, &n) ? n : 0;
}

static int print(const json_t *v, struct buf *out, unsigned depth, struct err *e);

static int print_object(const json_t *v, struct buf *out, unsigned depth, struct err *e)
{
	const char *key, *comma = "{";
	json_t *member, *object = json_incref((json_t *)(uintptr_t)v);
	int r = 0;
	json_object_foreach(object, key, member)
	{
		r = buf_str(out, comma, e) < 0 || str_json(out, key, strlen(key), e) < 0 ||
				    buf_char(out, ':', e) < 0 ||
				    print(member, out, depth + 1, e) < 0
			    ? -1
			    : 0;
		if (r < 0)
			break;
		comma = ",";
	}
	json_decref(object);
	if (r < 0)
		return -1;
	return buf_str(out, *comma == '{' ? "{}" : "}", e);
}

static int print_array(const json_t *v, struct buf *out, unsigned depth, struct err *e)
{
	if (buf_char(out, '[', e) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (i && buf_char(out, ',', e) < 0)
			return -1;
		if (print(json_array_get(v, i), out, depth + 1, e) < 0)
			return -1;
	}
	return buf_char(out, ']', e);
}

static int print(const json_t *v, struct buf *out, unsigned depth, struct err *e)
{
	size_t n;
	const char *s = vault_json_string(v, &n), *number = vault_json_number(v);
	if (depth > DEPTH_MAX)
		return err_set(e, E2BIG, "nested too deep");
	if (s)
		return str_json(out, s, n, e);
	if (json_is_object(v))
		return print_object(v, out, depth, e);
	if (json_is_array(v))
		return print_array(v, out, depth, e);
	if (number)
		return buf_str(out, number, e);
	if (json_is_boolean(v))
		return buf_str(out, json_is_true(v) ? "true" : "false", e);
	return buf_str(out, "null", e);
}

int vault_json_value(const json_t *v, struct buf *out, struct err *e)
{
	size_t n;
	const char *s = vault_json_string(v, &n);
	if (s)
		return buf_add(out, s, n, e);
	if (json_is_null(v))
		return 0;
	return print(v, out, 0, e);
}
