#include "executor/expr_number.h"

#include "executor/fold.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t digits(const char *s, size_t n, size_t at)
{
	size_t from = at;
	while (at < n && s[at] >= '0' && s[at] <= '9')
		at++;
	return at - from;
}

static bool is_sign(char c)
{
	return c == '-' || c == '+';
}

/* Whether s[at..n) is e[+-]digits. */
static bool is_exponent(const char *s, size_t n, size_t at)
{
	if (s[at] != 'e' && s[at] != 'E')
		return false;
	at += at + 1 < n && is_sign(s[at + 1]) ? 2 : 1;
	return at < n && digits(s, n, at) == n - at;
}

/* Whether all of it is [+-]digits[.digits][e[+-]digits], a digit before or behind the point. */
static bool is_decimal(const char *s, size_t n)
{
	size_t at = n && is_sign(s[0]);
	size_t whole = digits(s, n, at), part = 0;
	at += whole;
	if (at < n && s[at] == '.') {
		part = digits(s, n, at + 1);
		at += 1 + part;
	}
	if (whole + part == 0)
		return false;
	return at == n || is_exponent(s, n, at);
}

static double decimal(const char *s, size_t n)
{
	char small[64];
	uint64_t v = 0;
	if (n <= 15 && digits(s, n, 0) == n) {
		for (size_t i = 0; i < n; i++)
			v = v * 10 + (uint64_t)(s[i] - '0');
		return (double)v;
	}
	if (n < sizeof small) {
		memcpy(small, s, n);
		small[n] = '\0';
		return strtod(small, NULL);
	}
	char *big = strndup(s, n);
	double d = big ? strtod(big, NULL) : (double)NAN;
	free(big);
	return d;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* The 32 bits of s[2..n) in base 16 or 8, with their sign. */
static double based(const char *s, size_t n, int base)
{
	uint64_t v = 0;
	for (size_t i = 2; i < n; i++) {
		int d = digit(s[i]);
		if (d >= base)
			return (double)NAN;
		v = v * (uint64_t)base + (uint64_t)d;
		if (v > UINT32_MAX)
			return (double)NAN;
	}
	return (double)(int32_t)(uint32_t)v;
}

static double word(const char *s, size_t n)
{
	size_t sign = is_sign(s[0]);
	if (!fold_equal(s + sign, n - sign, "Infinity", 8))
		return (double)NAN;
	return s[0] == '-' ? -HUGE_VAL : HUGE_VAL;
}

double expr_number_parse(const char *s, size_t n)
{
	size_t space, end = 0;
	while ((space = fold_space(s, n)) > 0) {
		s += space;
		n -= space;
	}
	for (size_t i = 0; i < n; i += space ? space : 1) {
		space = fold_space(s + i, n - i);
		end = space ? end : i + 1;
	}
	n = end;
	if (n == 0)
		return 0;
	if (is_decimal(s, n))
		return decimal(s, n);
	if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'o'))
		return based(s, n, s[1] == 'x' ? 16 : 8);
	return word(s, n);
}

size_t expr_number_text(double d, char out[EXPR_NUMBER_TEXT])
{
	if (isnan(d))
		return (size_t)snprintf(out, EXPR_NUMBER_TEXT, "NaN");
	if (isinf(d))
		return (size_t)snprintf(out, EXPR_NUMBER_TEXT, "%sInfinity", d < 0 ? "-" : "");
	return (size_t)snprintf(out, EXPR_NUMBER_TEXT, "%.15G", d);
}
