/* Text made safe for JSON and for logfmt, and read back from logfmt. */
#include "base/str.h"

#include "base/utf8.h"

#include <string.h>

static int json_byte(struct buf *b, unsigned char c, struct err *e)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;
	if (at)
		return buf_printf(b, e, "\\%c", to[at - from]);
	if (c < 0x20 || c == 0x7f)
		return buf_printf(b, e, "\\u%04x", c);
	return buf_char(b, (char)c, e);
}

int str_json(struct buf *b, const char *s, size_t n, struct err *e)
{
	if (buf_char(b, '"', e) < 0)
		return -1;
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(s + i, n - i);
		int r;
		if (len == 0)
			r = buf_str(b, UTF8_REPLACEMENT, e);
		else if (len == 1)
			r = json_byte(b, (unsigned char)s[i], e);
		else
			r = buf_add(b, s + i, len, e);
		if (r < 0)
			return -1;
		i += len ? len : 1;
	}
	return buf_char(b, '"', e);
}

static bool is_bare(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c <= 0x20 || c == 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return n > 0;
}

static int quote_byte(struct buf *b, unsigned char c, struct err *e)
{
	if (c == '"' || c == '\\')
		return buf_printf(b, e, "\\%c", c);
	if (c == '\n')
		return buf_str(b, "\\n", e);
	if (c < 0x20 || c == 0x7f)
		return buf_printf(b, e, "\\x%02x", c);
	return buf_char(b, (char)c, e);
}

int str_quote(struct buf *b, const char *s, size_t n, struct err *e)
{
	if (is_bare(s, n))
		return buf_add(b, s, n, e);
	if (buf_char(b, '"', e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (quote_byte(b, (unsigned char)s[i], e) < 0)
			return -1;
	return buf_char(b, '"', e);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* The byte of one escape; *s stands behind the backslash and is moved on. -1 if malformed. */
static int unescape(const char **s)
{
	char c = *(*s)++;
	if (c == 'n')
		return '\n';
	if (c == '"' || c == '\\')
		return c;
	if (c != 'x')
		return -1;
	int hi = hex_digit((*s)[0]);
	int lo = hi < 0 ? -1 : hex_digit((*s)[1]);
	if (lo < 0)
		return -1;
	*s += 2;
	return hi * 16 + lo;
}

static bool unquote_quoted(const char **s, struct buf *ret)
{
	struct err e = { 0 };
	for ((*s)++; **s != '"';) {
		int c = (unsigned char)**s;
		if (c == '\0')
			return false;
		(*s)++;
		if (c == '\\')
			c = unescape(s);
		if (c < 0 || buf_char(ret, (char)c, &e) < 0)
			return false;
	}
	(*s)++;
	return true;
}

bool str_unquote(const char **s, struct buf *ret)
{
	struct err e = { 0 };
	if (**s == '"')
		return unquote_quoted(s, ret);
	size_t n = strcspn(*s, " \n\"=");
	if (buf_add(ret, *s, n, &e) < 0)
		return false;
	*s += n;
	return true;
}
