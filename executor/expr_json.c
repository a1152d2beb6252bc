#include "executor/expr_json.h"

#include "base/utf8.h"
#include "executor/expr_number.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const char *begin, *p, *end;
	unsigned depth;
	struct arena *a;
};

static int fail(const struct reader *r, const char *what, struct err *e)
{
	size_t line = 1, column = 1;
	for (const char *i = r->begin; i < r->p; i++) {
		column += ((unsigned char)*i & 0xc0) != 0x80;
		if (*i == '\n') {
			line++;
			column = 1;
		}
	}
	return err_set(e, EINVAL, "line %zu, column %zu: %s", line, column, what);
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || (*r->p >= '\t' && *r->p <= '\r')))
		r->p++;
}

static int peek(const struct reader *r)
{
	return r->p < r->end ? (unsigned char)*r->p : -1;
}

/* --- strings -------------------------------------------------------------------------------------- */

static int hex4(struct reader *r, uint32_t *ret, struct err *e)
{
	uint32_t c = 0;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		int d = peek(r);
		const char *at = d > 0 ? strchr(digits, d >= 'A' && d <= 'F' ? d | 0x20 : d) : NULL;
		if (!at)
			return fail(r, "\\u needs four hexadecimal digits", e);
		c = c << 4 | (uint32_t)(at - digits);
		r->p++;
	}
	*ret = c;
	return 0;
}

static char *put(char *to, uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	int len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (int i = len - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	to[0] = (char)(len > 1 ? lead[len] | c : c);
	return to + len;
}

/* Behind "\u". A pair of surrogates is one character. */
static int unicode(struct reader *r, char **to, struct err *e)
{
	uint32_t c = 0, low = 0;
	if (hex4(r, &c, e) < 0)
		return -1;
	if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && memcmp(r->p, "\\u", 2) == 0) {
		struct reader ahead = *r;
		ahead.p += 2;
		if (hex4(&ahead, &low, e) < 0)
			return -1;
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			r->p = ahead.p;
		}
	}
	*to = put(*to, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return 0;
}

static int escape(struct reader *r, char **to, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	int c = peek(r);
	const char *at = c > 0 ? strchr(from, c) : NULL;
	if (c != 'u' && !at)
		return fail(r, "unknown escape", e);
	r->p++;
	if (c == 'u')
		return unicode(r, to, e);
	*(*to)++ = is[at - from];
	return 0;
}

/* One character that is not escaped. A byte that is no UTF-8 is U+FFFD. */
static int plain(struct reader *r, char **to, struct err *e)
{
	size_t len = utf8_len(r->p, (size_t)(r->end - r->p));
	if ((unsigned char)*r->p < 0x20)
		return fail(r, "a control character in a string must be escaped", e);
	*to = len ? mempcpy(*to, r->p, len) : put(*to, 0xfffd);
	r->p += len ? len : 1;
	return 0;
}

/* How much longer s gets when its bytes that are no UTF-8 are U+FFFD. */
static size_t growth(const char *s, const char *end)
{
	size_t n = 0;
	while (s < end) {
		size_t len = utf8_len(s, (size_t)(end - s));
		n += len ? 0 : sizeof UTF8_REPLACEMENT - 2;
		s += len ? len : 1;
	}
	return n;
}

/* The string that begins at r->p. What is escaped is never longer than its escape. */
static int string(struct reader *r, const char **ret, size_t *ret_n, struct err *e)
{
	const char *end = r->p + 1;
	while (end < r->end && *end != '"')
		end += *end == '\\' ? 2 : 1;
	if (end >= r->end)
		return fail(r, "the string that begins here is not closed", e);
	char *s = arena_alloc(r->a, (size_t)(end - r->p) + growth(r->p, end), e), *to = s;
	if (!s)
		return -1;
	r->p++;
	while (r->p < end) {
		bool escaped = *r->p == '\\';
		r->p += escaped;
		if ((escaped ? escape(r, &to, e) : plain(r, &to, e)) < 0)
			return -1;
	}
	r->p++;
	*ret = s;
	*ret_n = (size_t)(to - s);
	return 0;
}

/* --- values --------------------------------------------------------------------------------------- */

static const struct expr_value *value(struct reader *r, struct err *e);

static const struct expr_value *read_string(struct reader *r, struct err *e)
{
	const char *s;
	size_t n;
	if (string(r, &s, &n, e) < 0)
		return NULL;
	struct expr_value *v = arena_new(r->a, struct expr_value, e);
	if (v)
		*v = (struct expr_value){ .kind = EXPR_STRING, .text = s, .n = n };
	return v;
}

/* Whether s[0..n) is a number as JSON writes it: no '+', no 01, no "1.", no ".5". */
static bool is_number(const char *s, size_t n)
{
	size_t at = s[0] == '-';
	if (at == n || s[at] < '0' || s[at] > '9')
		return false;
	if (s[at] == '0' && at + 1 < n && s[at + 1] >= '0' && s[at + 1] <= '9')
		return false;
	const char *point = memchr(s, '.', n);
	return !point || (point + 1 < s + n && point[1] >= '0' && point[1] <= '9');
}

static const struct expr_value *read_number(struct reader *r, struct err *e)
{
	size_t n = 0;
	while (r->p + n < r->end && r->p[n] && strchr("+-.0123456789eE", r->p[n]))
		n++;
	double d = is_number(r->p, n) ? expr_number_parse(r->p, n) : expr_number_parse("x", 1);
	if (d != d) {
		fail(r, "this is no number", e);
		return NULL;
	}
	r->p += n;
	return expr_number(d, r->a, e);
}

static const struct expr_value *read_word(struct reader *r, struct err *e)
{
	static const struct expr_value nan = { .kind = EXPR_NUMBER, .number = __builtin_nan("") };
	static const struct expr_value inf = { .kind = EXPR_NUMBER, .number = __builtin_inf() };
	static const struct expr_value minus = { .kind = EXPR_NUMBER, .number = -__builtin_inf() };
	static const struct {
		const char *word;
		const struct expr_value *value;
	} words[] = { { "null", &expr_null }, { "true", &expr_true }, { "false", &expr_false },
		      { "NaN", &nan },        { "Infinity", &inf },   { "-Infinity", &minus } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i].word);
		if ((size_t)(r->end - r->p) < n || memcmp(r->p, words[i].word, n) != 0)
			continue;
		r->p += n;
		return words[i].value;
	}
	fail(r, "a value is expected here", e);
	return NULL;
}

/* Behind an item or a member: 1 another one follows, 0 it was the last, -1 an error. */
static int follows(struct reader *r, char end, struct err *e)
{
	skip_space(r);
	int c = peek(r);
	if (c != ',' && c != end)
		return fail(r,
			    end == ']' ? "\",\" or \"]\" is expected here"
				       : "\",\" or \"}\" is expected here",
			    e);
	r->p++;
	return c == ',';
}

static int read_member(struct reader *r, struct expr_value *object, struct err *e)
{
	struct expr_pair p;
	skip_space(r);
	if (peek(r) != '"')
		return fail(r, "a key is expected here", e);
	if (string(r, &p.key, &p.n, e) < 0)
		return -1;
	skip_space(r);
	if (peek(r) != ':')
		return fail(r, "\":\" is expected here", e);
	r->p++;
	p.value = value(r, e);
	return p.value ? expr_object_set(object, &p, r->a, e) : -1;
}

static int read_item(struct reader *r, struct expr_value *array, struct err *e)
{
	const struct expr_value *v = value(r, e);
	return v ? expr_array_add(array, v, r->a, e) : -1;
}

static const struct expr_value *read_many(struct reader *r, struct err *e)
{
	bool object = *r->p++ == '{';
	char end = object ? '}' : ']';
	int more = 1;
	struct expr_value *v = object ? expr_object_new(r->a, e) : expr_array_new(r->a, e);
	if (!v)
		return NULL;
	skip_space(r);
	if (peek(r) == end) {
		r->p++;
		return v;
	}
	while (more > 0) {
		if ((object ? read_member(r, v, e) : read_item(r, v, e)) < 0)
			return NULL;
		more = follows(r, end, e);
	}
	return more == 0 ? v : NULL;
}

static const struct expr_value *value(struct reader *r, struct err *e)
{
	const struct expr_value *v = NULL;
	skip_space(r);
	int c = peek(r);
	if (r->depth == EXPR_JSON_DEPTH && (c == '{' || c == '[')) {
		fail(r, "nested too deeply", e);
		return NULL;
	}
	r->depth++;
	if (c == '{' || c == '[')
		v = read_many(r, e);
	else if (c == '"')
		v = read_string(r, e);
	else if ((c >= '0' && c <= '9') || (c == '-' && (r->end - r->p < 2 || r->p[1] != 'I')))
		v = read_number(r, e);
	else
		v = read_word(r, e);
	r->depth--;
	return v;
}

const struct expr_value *expr_json_read(const char *text, size_t n, struct arena *a, struct err *e)
{
	struct reader r = { .begin = text, .p = text, .end = text + n, .a = a };
	const struct expr_value *v = value(&r, e);
	if (!v)
		return NULL;
	skip_space(&r);
	if (r.p != r.end) {
		fail(&r, "nothing more is expected here", e);
		return NULL;
	}
	return v;
}

/* --- writing -------------------------------------------------------------------------------------- */

static int write_escaped(struct buf *out, const char *s, size_t len, struct err *e)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	unsigned char c = (unsigned char)*s;
	const char *at = c ? strchr(from, c) : NULL;
	if (at)
		return buf_printf(out, e, "\\%c", to[at - from]);
	if (c < 0x20)
		return buf_printf(out, e, "\\u%04x", c);
	if (len == 2 && memcmp(s, "\xc2\x85", 2) == 0)
		return buf_str(out, "\\u0085", e);
	if (len == 3 && memcmp(s, "\xe2\x80\xa8", 3) == 0)
		return buf_str(out, "\\u2028", e);
	if (len == 3 && memcmp(s, "\xe2\x80\xa9", 3) == 0)
		return buf_str(out, "\\u2029", e);
	return len ? buf_add(out, s, len, e) : buf_str(out, UTF8_REPLACEMENT, e);
}

static int write_string(struct buf *out, const char *s, size_t n, struct err *e)
{
	if (buf_char(out, '"', e) < 0)
		return -1;
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(s + i, n - i);
		if (write_escaped(out, s + i, len, e) < 0)
			return -1;
		i += len ? len : 1;
	}
	return buf_char(out, '"', e);
}

static int write_primitive(struct buf *out, const struct expr_value *v, struct err *e)
{
	char number[EXPR_NUMBER_TEXT];
	if (v->kind == EXPR_STRING)
		return write_string(out, v->text, v->n, e);
	if (v->kind == EXPR_NUMBER)
		return buf_add(out, number, expr_number_text(v->number, number), e);
	return buf_str(out, v->kind == EXPR_NULL ? "null" : v->truth ? "true" : "false", e);
}

static int new_line(struct buf *out, int level, struct err *e)
{
	return buf_printf(out, e, "\n%*s", 2 * level, "");
}

static int write_value(struct buf *out, const struct expr_value *v, int level, struct err *e);

static int write_key(struct buf *out, const struct expr_pair *p, struct err *e)
{
	return write_string(out, p->key, p->n, e) < 0 ? -1 : buf_str(out, ": ", e);
}

static int write_child(struct buf *out, const struct expr_value *v, size_t i, int level,
		       struct err *e)
{
	bool object = v->kind == EXPR_OBJECT;
	if ((i && buf_char(out, ',', e) < 0) || new_line(out, level, e) < 0)
		return -1;
	if (object && write_key(out, &v->pairs[i], e) < 0)
		return -1;
	return write_value(out, object ? v->pairs[i].value : v->items[i], level, e);
}

static int write_many(struct buf *out, const struct expr_value *v, int level, struct err *e)
{
	const char *brackets = v->kind == EXPR_OBJECT ? "{}" : "[]";
	if (level == EXPR_JSON_WRITE_DEPTH)
		return err_set(e, E2BIG, "nested more than %d deep", EXPR_JSON_WRITE_DEPTH);
	if (buf_char(out, brackets[0], e) < 0)
		return -1;
	for (size_t i = 0; i < v->n; i++)
		if (write_child(out, v, i, level + 1, e) < 0)
			return -1;
	if (v->n && new_line(out, level, e) < 0)
		return -1;
	return buf_char(out, brackets[1], e);
}

static int write_value(struct buf *out, const struct expr_value *v, int level, struct err *e)
{
	return expr_is_primitive(v) ? write_primitive(out, v, e) : write_many(out, v, level, e);
}

int expr_json_write(struct buf *out, const struct expr_value *v, struct err *e)
{
	return write_value(out, v, 0, e);
}
