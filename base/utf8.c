#include "base/utf8.h"

#include <stdbool.h>

/* A row per range of lead bytes: the length and the bounds of the second byte (RFC 3629, section 4). */
struct lead {
	unsigned char from, to, len, second_from, second_to;
};

static const struct lead leads[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *lead_of(unsigned char c)
{
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
		if (c >= leads[i].from && c <= leads[i].to)
			return &leads[i];
	return NULL;
}

/* The bytes s[1..k) fit the lead byte. */
static bool fits(const struct lead *l, const unsigned char *s, size_t k)
{
	if (k > 1 && (s[1] < l->second_from || s[1] > l->second_to))
		return false;
	for (size_t i = 2; i < k; i++)
		if ((s[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	if (u[0] < 0x80)
		return 1;
	const struct lead *l = lead_of(u[0]);
	return l && l->len <= n && fits(l, u, l->len) ? l->len : 0;
}

size_t utf8_pending(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	for (size_t k = 1; k <= 3 && k <= n; k++) {
		const struct lead *l = lead_of(u[n - k]);
		if (l)
			return l->len > k && fits(l, u + n - k, k) ? k : 0;
		if (u[n - k] < 0x80)
			return 0;
	}
	return 0;
}
