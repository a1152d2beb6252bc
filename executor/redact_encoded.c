/* base64 and hex: only the characters that the value alone determines, whatever stands around it. */
#include "executor/redact_variants.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

enum { CORE = 8 }; /* shortest run of base64 that is looked for */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *const alphabets[] = { LETTERS "+/", LETTERS "-_" };

/* The characters that p[0..n) alone determines when `before` other bytes come first. */
static int base64(struct buf *b, const char *alphabet, unsigned before, const struct buf *v,
		  struct err *e)
{
	size_t first = (before * 8 + 5) / 6, end = ((before + v->len) * 8) / 6;
	for (size_t i = first; i < end; i++) {
		size_t bit = i * 6 - before * 8, at = bit / 8, off = bit % 8;
		unsigned two = (unsigned)(unsigned char)v->p[at] << 8;
		if (at + 1 < v->len)
			two |= (unsigned char)v->p[at + 1];
		if (buf_char(b, alphabet[two >> (10 - off) & 63], e) < 0)
			return -1;
	}
	return 0;
}

static int all_base64(struct variant_sink *to, struct buf *b, const struct buf *v, struct err *e)
{
	for (unsigned i = 0; i < 6; i++) {
		buf_clear(b);
		if (base64(b, alphabets[i / 3], i % 3, v, e) < 0)
			return -1;
		if (b->len >= CORE && to->take(to, LANE_DENSE, b->p, b->len, e) < 0)
			return -1;
	}
	return 0;
}

static int all_hex(struct variant_sink *to, struct buf *b, const struct buf *v, struct err *e)
{
	static const char *const digits[] = { "0123456789abcdef", "0123456789ABCDEF" };
	for (unsigned i = 0; i < 2; i++) {
		buf_clear(b);
		for (size_t k = 0; k < v->len; k++) {
			unsigned char c = (unsigned char)v->p[k];
			if (buf_char(b, digits[i][c >> 4], e) < 0 ||
			    buf_char(b, digits[i][c & 15], e) < 0)
				return -1;
		}
		if (to->take(to, LANE_DENSE, b->p, b->len, e) < 0)
			return -1;
	}
	return 0;
}

static int put_unit(struct buf *b, uint32_t unit, struct err *e)
{
	char two[2] = { (char)(unit & 255), (char)(unit >> 8) };
	return buf_add(b, two, 2, e);
}

/* v as UTF-16LE; nothing when it is not UTF-8. */
static int utf16(struct buf *b, const struct buf *v, struct err *e)
{
	for (size_t i = 0; i < v->len;) {
		size_t len = utf8_len(v->p + i, v->len - i);
		if (len == 0) {
			buf_clear(b);
			return 0;
		}
		const unsigned char *u = (const unsigned char *)v->p + i;
		uint32_t c = len == 1 ? u[0] : u[0] & (0xffU >> (len + 1));
		for (size_t k = 1; k < len; k++)
			c = c << 6 | (u[k] & 0x3fU);
		if (c >= 0x10000 && put_unit(b, 0xd800 + ((c - 0x10000) >> 10), e) < 0)
			return -1;
		if (put_unit(b, c < 0x10000 ? c : 0xdc00 + ((c - 0x10000) & 0x3ff), e) < 0)
			return -1;
		i += len;
	}
	return 0;
}

int variants_encoded(struct variant_sink *to, const char *p, size_t n, struct err *e)
{
	struct buf v = BUF(n), wide = BUF(2 * n), b = BUF(4 * n + CORE);
	int r = buf_add(&v, p, n, e);
	if (r == 0)
		r = all_base64(to, &b, &v, e);
	if (r == 0)
		r = all_hex(to, &b, &v, e);
	if (r == 0)
		r = utf16(&wide, &v, e);
	if (r == 0 && wide.len)
		r = all_base64(to, &b, &wide, e);
	buf_wipe(&v);
	buf_wipe(&wide);
	buf_wipe(&b);
	return r;
}
