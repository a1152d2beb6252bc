/* A small JSON reader. It has to be right about strings and nesting, not about numbers. */
#include "executor/redact_json.h"

#include "base/buf.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { DEPTH = 64 };

struct reader {
	const char *p;
	size_t n, at;
	struct json_sink *to; /* NULL: only look whether it is JSON */
	bool telling[DEPTH];  /* by depth: below a telling key */
	bool object[DEPTH];
	unsigned depth;
	struct buf text; /* the last string */
};

static void skip_space(struct reader *r)
{
	while (r->at < r->n && strchr(" \t\r\n", r->p[r->at]) && r->p[r->at])
		r->at++;
}

static bool next_is(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->n || r->p[r->at] != c)
		return false;
	r->at++;
	return true;
}

static bool hex4(struct reader *r, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t v = 0;
	for (int i = 0; i < 4; i++) {
		if (r->at == r->n || !r->p[r->at])
			return false;
		const char *d = strchr(digits, r->p[r->at] | 0x20);
		if (!d)
			return false;
		v = v << 4 | (uint32_t)(d - digits);
		r->at++;
	}
	*ret = v;
	return true;
}

static int put_utf8(struct buf *b, uint32_t c, struct err *e)
{
	char t[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n; i-- > 1; c >>= 6)
		t[i] = (char)(0x80 | (c & 0x3f));
	t[0] = (char)(lead[n] | c);
	return buf_add(b, t, n, e);
}

/* Behind "\u". 1 done, 0 not JSON, -1 error. */
static int read_unicode(struct reader *r, struct err *e)
{
	uint32_t c, low;
	if (!hex4(r, &c))
		return 0;
	if (c >= 0xd800 && c < 0xdc00) {
		if (r->n - r->at < 2 || memcmp(r->p + r->at, "\\u", 2) != 0)
			return 0;
		r->at += 2;
		if (!hex4(r, &low))
			return 0;
		c = 0x10000 + ((c - 0xd800) << 10) + (low & 0x3ff);
	}
	return put_utf8(&r->text, c, e) < 0 ? -1 : 1;
}

static int read_escape(struct reader *r, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (r->at == r->n || !r->p[r->at])
		return 0;
	char c = r->p[r->at++];
	if (c == 'u')
		return read_unicode(r, e);
	const char *at = strchr(from, c);
	if (!at)
		return 0;
	return buf_char(&r->text, to[at - from], e) < 0 ? -1 : 1;
}

/* Behind the opening quote. 1 a string, 0 not JSON, -1 error. */
static int read_string(struct reader *r, struct err *e)
{
	buf_clear(&r->text);
	while (r->at < r->n) {
		char c = r->p[r->at++];
		int got = 1;
		if (c == '"')
			return 1;
		if ((unsigned char)c < 0x20)
			return 0;
		if (c == '\\')
			got = read_escape(r, e);
		else if (buf_char(&r->text, c, e) < 0)
			got = -1;
		if (got <= 0)
			return got;
	}
	return 0;
}

/* true, false, null or a number: letters, digits and signs. */
static int read_bare(struct reader *r)
{
	size_t from = r->at;
	while (r->at < r->n && r->p[r->at] && strchr("+-.0123456789Eaeflnrstu", r->p[r->at]))
		r->at++;
	return r->at > from;
}

static bool is_telling(const char *key)
{
	static const char *const words[] = { "key",  "secret", "token", "pass",
					     "priv", "cred",   "cert",  "sig" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

/* Into a member: its key decides for what is below it. */
static int read_key(struct reader *r, struct err *e)
{
	if (!next_is(r, '"'))
		return 0;
	int got = read_string(r, e);
	if (got <= 0)
		return got;
	r->telling[r->depth] = r->telling[r->depth - 1] || is_telling(buf_cstr(&r->text));
	return next_is(r, ':');
}

static int open_nest(struct reader *r, bool object, struct err *e)
{
	if (r->depth + 1 == DEPTH)
		return 0;
	r->depth++;
	r->object[r->depth] = object;
	r->telling[r->depth] = r->telling[r->depth - 1];
	if (next_is(r, object ? '}' : ']')) {
		r->depth--;
		return 1;
	}
	if (object) {
		int got = read_key(r, e);
		return got <= 0 ? got : 2;
	}
	return 2;
}

/* One value, or the opening of one: 2 a value has to follow. */
static int read_value(struct reader *r, struct err *e)
{
	bool object = next_is(r, '{');
	if (object || next_is(r, '['))
		return open_nest(r, object, e);
	if (!next_is(r, '"'))
		return read_bare(r);
	int got = read_string(r, e);
	if (got > 0 && r->to && r->telling[r->depth])
		return r->to->take(r->to, buf_cstr(&r->text), r->text.len, e) < 0 ? -1 : 1;
	return got;
}

/* Behind a value: 2 another one follows, 1 nothing more, 0 not JSON. */
static int read_after(struct reader *r, struct err *e)
{
	while (r->depth) {
		bool object = r->object[r->depth];
		if (next_is(r, ',')) {
			int got = object ? read_key(r, e) : 1;
			return got <= 0 ? got : 2;
		}
		if (!next_is(r, object ? '}' : ']'))
			return 0;
		r->depth--;
	}
	return 1;
}

static int read_document(struct reader *r, struct err *e)
{
	int got = 2;
	while (got == 2) {
		got = read_value(r, e);
		if (got == 1)
			got = read_after(r, e);
	}
	if (got == 1) {
		skip_space(r);
		got = r->at == r->n;
	}
	return got;
}

int json_leaves(struct json_sink *to, const char *p, size_t n, struct err *e)
{
	struct reader r = { .p = p, .n = n, .text = BUF(n + 4) };
	skip_space(&r);
	if (r.at == n || !strchr("{[", p[r.at]))
		return 0;
	int got = read_document(&r, e);
	if (got == 1) {
		r.at = 0;
		r.to = to;
		got = read_document(&r, e);
	}
	buf_wipe(&r.text);
	return got < 0 ? -1 : 0;
}
