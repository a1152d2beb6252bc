/* Terminal escape sequences. */
#include "executor/redact_escape.h"

enum { ESC = 0x1b, BEL = 0x07, CAN = 0x18, SUB = 0x1a };

static bool between(unsigned char c, unsigned char from, unsigned char to)
{
	return c >= from && c <= to;
}

/* Control sequence: parameters and intermediates, one final byte. 0: it goes on behind n. */
static size_t csi_len(const unsigned char *s, size_t n)
{
	size_t i = 2;
	while (i < n && between(s[i], 0x20, 0x3f))
		i++;
	if (i == n)
		return 0;
	return between(s[i], 0x40, 0x7e) ? i + 1 : i;
}

/* Control string: until BEL, ST, CAN or SUB; another escape breaks it off. */
static size_t string_len(const unsigned char *s, size_t n)
{
	size_t i = 2;
	while (i < n && s[i] != BEL && s[i] != ESC && s[i] != CAN && s[i] != SUB)
		i++;
	if (i == n || (s[i] == ESC && i + 1 == n))
		return 0;
	if (s[i] == ESC)
		return s[i + 1] == '\\' ? i + 2 : i;
	return i + 1;
}

/* ESC, intermediates, one final byte. */
static size_t short_len(const unsigned char *s, size_t n)
{
	size_t i = 1;
	while (i < n && between(s[i], 0x20, 0x2f))
		i++;
	if (i == n)
		return 0;
	return between(s[i], 0x30, 0x7e) ? i + 1 : i;
}

static size_t any_len(const unsigned char *s, size_t n)
{
	if (n < 2)
		return 0;
	if (s[1] == '[')
		return csi_len(s, n);
	bool string = s[1] == ']' || s[1] == 'P' || s[1] == 'X' || s[1] == '^' || s[1] == '_';
	return string ? string_len(s, n) : short_len(s, n);
}

bool escape_parse(const unsigned char *s, size_t n, bool last, struct escape *ret)
{
	size_t cap = n < ESCAPE_MAX ? n : ESCAPE_MAX;
	size_t len = any_len(s, cap);
	if (len == 0 && cap < ESCAPE_MAX && !last)
		return false;
	ret->n = len ? len : cap < 2 ? cap : 2;
	ret->csi = len > 2 && s[1] == '[';
	ret->sgr = ret->csi && s[len - 1] == 'm';
	return true;
}
