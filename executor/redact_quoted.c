/* Quoted and escaped forms, each a row of a table: which bytes change, and into what. */
#include "executor/redact_variants.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* How a byte without a word of its own is written. */
enum form { AS_IS, HEX_X, HEX_U, HEX_U_UPPER, OCTAL, BACKSLASH, PERCENT, PERCENT_LOWER };

struct word {
	char c;
	char text[7];
};

struct quoting {
	const struct word *words; /* ended by c == 0 */
	enum form control, high;
};

static const struct word json_words[] = {
	{ '"', "\\\"" }, { '\\', "\\\\" }, { '\n', "\\n" }, { '\t', "\\t" },
	{ '\r', "\\r" }, { '\b', "\\b" },  { '\f', "\\f" }, { 0, "" },
};
static const struct word json_slash_words[] = {
	{ '"', "\\\"" }, { '\\', "\\\\" }, { '\n', "\\n" }, { '\t', "\\t" }, { '\r', "\\r" },
	{ '\b', "\\b" }, { '\f', "\\f" },  { '/', "\\/" },  { 0, "" },
};
static const struct word json_html_words[] = {
	{ '"', "\\\"" },    { '\\', "\\\\" },   { '\n', "\\n" }, { '\t', "\\t" },
	{ '\r', "\\r" },    { '\b', "\\b" },    { '\f', "\\f" }, { '<', "\\u003c" },
	{ '>', "\\u003e" }, { '&', "\\u0026" }, { 0, "" },
};
static const struct word json_html_upper_words[] = {
	{ '"', "\\\"" },    { '\\', "\\\\" },   { '\n', "\\n" }, { '\t', "\\t" },
	{ '\r', "\\r" },    { '\b', "\\b" },    { '\f', "\\f" }, { '<', "\\u003C" },
	{ '>', "\\u003E" }, { '&', "\\u0026" }, { 0, "" },
};
static const struct word json_html_quote_words[] = {
	{ '"', "\\u0022" }, { '\\', "\\\\" },    { '\n', "\\n" },    { '\t', "\\t" },
	{ '\r', "\\r" },    { '\'', "\\u0027" }, { '<', "\\u003c" }, { '>', "\\u003e" },
	{ '&', "\\u0026" }, { 0, "" },
};
static const struct word c_single_words[] = {
	{ '\'', "\\'" }, { '\\', "\\\\" }, { '\n', "\\n" },
	{ '\t', "\\t" }, { '\r', "\\r" },  { 0, "" },
};
static const struct word ansi_c_words[] = {
	{ '\'', "\\'" }, { '\\', "\\\\" }, { '\n', "\\n" }, { '\t', "\\t" }, { '\r', "\\r" },
	{ '\a', "\\a" }, { '\b', "\\b" },  { '\f', "\\f" }, { '\v', "\\v" }, { 0, "" },
};
static const struct word lines_words[] = {
	{ '\n', "\\n" }, { '\r', "\\r" }, { '\t', "\\t" }, { 0, "" }
};
static const struct word shell_words[] = { { '\'', "'\\''" }, { 0, "" } };
static const struct word shell_mixed_words[] = { { '\'', "'\"'\"'" }, { 0, "" } };
static const struct word shell_double_words[] = {
	{ '"', "\\\"" }, { '\\', "\\\\" }, { '$', "\\$" }, { '`', "\\`" }, { 0, "" },
};
static const struct word sql_words[] = { { '\'', "''" }, { 0, "" } };
static const struct word csv_words[] = { { '"', "\"\"" }, { 0, "" } };
static const struct word quote_words[] = { { '"', "\\\"" }, { 0, "" } };
static const struct word text_words[] = {
	{ '<', "&lt;" },
	{ '>', "&gt;" },
	{ '&', "&amp;" },
	{ 0, "" },
};
static const struct word attribute_words[] = {
	{ '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" }, { 0, "" },
};
static const struct word apos_words[] = {
	{ '<', "&lt;" },   { '>', "&gt;" },    { '&', "&amp;" },
	{ '"', "&quot;" }, { '\'', "&apos;" }, { 0, "" },
};
static const struct word dec_words[] = {
	{ '<', "&lt;" },  { '>', "&gt;" },   { '&', "&amp;" },
	{ '"', "&#34;" }, { '\'', "&#39;" }, { 0, "" },
};
static const struct word mixed_dec_words[] = {
	{ '<', "&lt;" },   { '>', "&gt;" },   { '&', "&amp;" },
	{ '"', "&quot;" }, { '\'', "&#39;" }, { 0, "" },
};
static const struct word mixed_hex_words[] = {
	{ '<', "&lt;" },   { '>', "&gt;" },    { '&', "&amp;" },
	{ '"', "&quot;" }, { '\'', "&#x27;" }, { 0, "" },
};
static const struct word hex_words[] = {
	{ '<', "&lt;" },   { '>', "&gt;" },    { '&', "&amp;" },
	{ '"', "&#x22;" }, { '\'', "&#x27;" }, { 0, "" },
};

static const struct quoting quotings[] = {
	{ json_words, HEX_U, AS_IS },
	{ json_words, HEX_U, HEX_U },
	{ json_words, HEX_U_UPPER, HEX_U_UPPER },
	{ json_slash_words, HEX_U, AS_IS },
	{ json_slash_words, HEX_U, HEX_U },
	{ json_html_words, HEX_U, AS_IS },
	{ json_html_upper_words, HEX_U_UPPER, AS_IS },
	{ json_html_quote_words, HEX_U, AS_IS },
	{ json_words, HEX_X, AS_IS },
	{ json_words, HEX_X, HEX_X },
	{ json_words, OCTAL, OCTAL },
	{ c_single_words, HEX_X, AS_IS },
	{ c_single_words, HEX_X, HEX_X },
	{ ansi_c_words, OCTAL, AS_IS },
	{ ansi_c_words, OCTAL, OCTAL },
	{ ansi_c_words, HEX_X, AS_IS },
	{ lines_words, AS_IS, AS_IS },
	{ shell_words, AS_IS, AS_IS },
	{ shell_mixed_words, AS_IS, AS_IS },
	{ shell_double_words, AS_IS, AS_IS },
	{ sql_words, AS_IS, AS_IS },
	{ csv_words, AS_IS, AS_IS },
	{ quote_words, AS_IS, AS_IS },
	{ text_words, AS_IS, AS_IS },
	{ attribute_words, AS_IS, AS_IS },
	{ apos_words, AS_IS, AS_IS },
	{ dec_words, AS_IS, AS_IS },
	{ mixed_dec_words, AS_IS, AS_IS },
	{ mixed_hex_words, AS_IS, AS_IS },
	{ hex_words, AS_IS, AS_IS },
};

/* Bytes besides letters and digits that stay, and how the others are written. */
struct keeping {
	const char *keep;
	enum form form;
	bool plus; /* a space becomes '+' */
};

#define UNRESERVED "-._~"
#define BASH_BARE "_%+-./:=@"

static const struct keeping keepings[] = {
	{ UNRESERVED, PERCENT, false },
	{ UNRESERVED, PERCENT_LOWER, false },
	{ UNRESERVED, PERCENT, true },
	{ UNRESERVED, PERCENT_LOWER, true },
	{ UNRESERVED "/", PERCENT, false },
	{ UNRESERVED "/", PERCENT_LOWER, false },
	{ UNRESERVED "/", PERCENT, true },
	{ UNRESERVED "/", PERCENT_LOWER, true },
	{ UNRESERVED "!*'()", PERCENT, false },
	{ UNRESERVED "!*'()", PERCENT_LOWER, false },
	{ UNRESERVED "!*'()", PERCENT, true },
	{ UNRESERVED "!*'()", PERCENT_LOWER, true },
	{ UNRESERVED "!*'();,/?:@&=+$#", PERCENT, false },
	{ UNRESERVED "!*'();,/?:@&=+$#", PERCENT_LOWER, false },
	{ UNRESERVED "!*'();,/?:@&=+$#", PERCENT, true },
	{ UNRESERVED "!*'();,/?:@&=+$#", PERCENT_LOWER, true },
	{ "-._*", PERCENT, true },
	{ BASH_BARE, BACKSLASH, false },
	{ BASH_BARE ",", BACKSLASH, false },
	{ BASH_BARE ",#~^", BACKSLASH, false },
};

/* How a form is written: a prefix and so many digits, or the byte itself when there are none. */
struct writing {
	const char *prefix;
	unsigned digits, shift;
	const char *alphabet;
};

static const char lower_digits[] = "0123456789abcdef";
static const char upper_digits[] = "0123456789ABCDEF";

static const struct writing writings[] = {
	[AS_IS] = { "", 0, 0, NULL },
	[HEX_X] = { "\\x", 2, 4, lower_digits },
	[HEX_U] = { "\\u", 4, 4, lower_digits },
	[HEX_U_UPPER] = { "\\u", 4, 4, upper_digits },
	[OCTAL] = { "\\", 3, 3, lower_digits },
	[BACKSLASH] = { "\\", 0, 0, NULL },
	[PERCENT] = { "%", 2, 4, upper_digits },
	[PERCENT_LOWER] = { "%", 2, 4, lower_digits },
};

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int put_form(struct buf *b, enum form form, unsigned unit, struct err *e)
{
	const struct writing *w = &writings[form];
	char text[4];
	if (buf_str(b, w->prefix, e) < 0)
		return -1;
	if (w->digits == 0)
		return buf_char(b, (char)unit, e);
	for (unsigned i = 0; i < w->digits; i++) {
		unsigned down = (w->digits - 1 - i) * w->shift;
		text[i] = w->alphabet[unit >> down & ((1U << w->shift) - 1)];
	}
	return buf_add(b, text, w->digits, e);
}

/* The code point of the well-formed sequence of len bytes at s. */
static uint32_t code_point(const unsigned char *s, size_t len)
{
	uint32_t c = s[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3fU);
	return c;
}

/* A byte from 0x80 on, or with a \u form the whole character. Returns the bytes taken, 0 on error. */
static size_t put_high(struct buf *b, enum form form, const char *p, size_t n, struct err *e)
{
	size_t len = utf8_len(p, n);
	const unsigned char *u = (const unsigned char *)p;
	if (len < 2 || (form != HEX_U && form != HEX_U_UPPER))
		return put_form(b, len ? form : AS_IS, *u, e) < 0 ? 0 : 1;
	uint32_t c = code_point(u, len);
	if (c < 0x10000)
		return put_form(b, form, c, e) < 0 ? 0 : len;
	c -= 0x10000;
	if (put_form(b, form, 0xd800 + (c >> 10), e) < 0 ||
	    put_form(b, form, 0xdc00 + (c & 0x3ff), e) < 0)
		return 0;
	return len;
}

static const char *word_of(const struct word *w, char c)
{
	while (w->c && w->c != c)
		w++;
	return w->c ? w->text : NULL;
}

static int quote(struct buf *b, const struct quoting *q, const char *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)p[i];
		const char *word = c && c < 0x80 ? word_of(q->words, p[i]) : NULL;
		size_t taken = 1;
		int r = 0;
		if (word)
			r = buf_str(b, word, e);
		else if (c >= 0x80)
			taken = put_high(b, q->high, p + i, n - i, e);
		else
			r = put_form(b, c < 0x20 || c == 0x7f ? q->control : AS_IS, c, e);
		if (r < 0 || taken == 0)
			return -1;
		i += taken;
	}
	return 0;
}

static int escape(struct buf *b, const struct keeping *k, const char *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		bool stays = is_alnum(c) || (c && strchr(k->keep, c)) ||
			     (k->form == BACKSLASH && (c >= 0x80 || c < 0x20));
		int r;
		if (c == ' ' && k->plus)
			r = buf_char(b, '+', e);
		else
			r = put_form(b, stays ? AS_IS : k->form, c, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Bytes that no form changes. */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_alnum((unsigned char)p[i]) && (!p[i] || !strchr("-._", p[i])))
			return false;
	return true;
}

static int take(struct variant_sink *to, struct buf *b, struct err *e)
{
	int r = to->take(to, LANE_TEXT, buf_cstr(b), b->len, e);
	buf_clear(b);
	return r;
}

/* A form of a form: JSON within JSON, and percent signs that were encoded once more. */
static int all_twice(struct variant_sink *to, struct buf b[2], const char *p, size_t n,
		     struct err *e)
{
	if (quote(&b[0], quotings, p, n, e) < 0 ||
	    quote(&b[1], quotings, buf_cstr(&b[0]), b[0].len, e) < 0 || take(to, &b[1], e) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		buf_clear(&b[0]);
		if (escape(&b[0], &keepings[i], p, n, e) < 0 ||
		    escape(&b[1], &keepings[0], buf_cstr(&b[0]), b[0].len, e) < 0 ||
		    take(to, &b[1], e) < 0)
			return -1;
	}
	buf_clear(&b[0]);
	return 0;
}

static int all_forms(struct variant_sink *to, struct buf b[2], const char *p, size_t n,
		     struct err *e)
{
	for (size_t i = 0; i < sizeof quotings / sizeof *quotings; i++)
		if (quote(&b[0], &quotings[i], p, n, e) < 0 || take(to, &b[0], e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof keepings / sizeof *keepings; i++)
		if (escape(&b[0], &keepings[i], p, n, e) < 0 || take(to, &b[0], e) < 0)
			return -1;
	return all_twice(to, b, p, n, e);
}

int variants_quoted(struct variant_sink *to, const char *p, size_t n, struct err *e)
{
	if (is_plain(p, n))
		return 0;
	struct buf b[2] = { BUF(n * 16 + 64), BUF(n * 16 + 64) };
	int r = all_forms(to, b, p, n, e);
	buf_wipe(&b[0]);
	buf_wipe(&b[1]);
	return r;
}
