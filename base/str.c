#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint64_t TEN_YEARS_MS = 315576000000ULL;

bool str_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

/* A decimal number with an optional fraction, in thousandths; moves *s behind it. */
static bool milli(const char **s, uint64_t *ret)
{
	uint64_t v = 0, scale = 1000;
	bool any = false, dot = false;
	for (; (**s >= '0' && **s <= '9') || (**s == '.' && !dot); (*s)++) {
		if (**s == '.') {
			dot = true;
			continue;
		}
		any = true;
		uint64_t digit = (uint64_t)(**s - '0');
		if (!dot) {
			if (v > UINT64_MAX / 10000)
				return false;
			v = v * 10 + digit * 1000;
		} else {
			scale /= 10;
			v += digit * scale;
		}
	}
	*ret = v;
	return any;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit *unit_at(const struct unit *u, const char *s, size_t *ret_len)
{
	size_t n = 0;
	while (isalpha((unsigned char)s[n]))
		n++;
	*ret_len = n;
	for (; u->name; u++)
		if (strlen(u->name) == n && strncmp(u->name, s, n) == 0)
			return u;
	return NULL;
}

/* times: units, longest first does not matter (whole letters are compared). Factors in microseconds. */
static const struct unit times[] = {
	{ "us", 1 },         { "ms", 1000 },       { "s", 1000000 }, { "m", 60000000 },
	{ "h", 3600000000 }, { "d", 86400000000 }, { NULL, 0 },
};

bool str_duration(const char *s, uint64_t bare_ms, uint64_t *ret_ms)
{
	uint64_t bare, total = 0;
	if (str_u64(s, TEN_YEARS_MS, &bare)) {
		if (bare_ms && bare > TEN_YEARS_MS / bare_ms)
			return false;
		*ret_ms = bare * bare_ms;
		return true;
	}
	if (!*s)
		return false;
	while (*s) {
		uint64_t v, us;
		size_t n;
		if (!milli(&s, &v))
			return false;
		const struct unit *u = unit_at(times, s, &n);
		if (!u || __builtin_mul_overflow(v, u->factor, &us))
			return false;
		s += n;
		total += us / 1000;
		if (total / 1000 > TEN_YEARS_MS)
			return false;
	}
	*ret_ms = total / 1000;
	return true;
}

/* clang-format off */
static const struct unit sizes[] = {
	{ "B", 1 },
	{ "kB", 1000 },        { "KB", 1000 },        { "MB", 1000000 },     { "GB", 1000000000 },
	{ "KiB", 1ULL << 10 }, { "MiB", 1ULL << 20 }, { "GiB", 1ULL << 30 }, { "TiB", 1ULL << 40 },
	{ "K", 1ULL << 10 },   { "M", 1ULL << 20 },   { "G", 1ULL << 30 },
	{ NULL, 0 },
};
/* clang-format on */

bool str_size(const char *s, uint64_t bare_bytes, uint64_t *ret)
{
	uint64_t bare, v, bytes;
	if (str_u64(s, UINT64_MAX, &bare)) {
		if (__builtin_mul_overflow(bare, bare_bytes, &bytes))
			return false;
		*ret = bytes;
		return true;
	}
	size_t n;
	if (!milli(&s, &v))
		return false;
	while (*s == ' ')
		s++;
	const struct unit *u = unit_at(sizes, s, &n);
	if (!u || s[n] || __builtin_mul_overflow(v, u->factor, &bytes))
		return false;
	*ret = bytes / 1000;
	return true;
}

bool str_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "true", "t", "yes", "on", "1" };
	static const char *const no[] = { "false", "f", "no", "off", "0" };
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		bool is_yes = strcasecmp(s, yes[i]) == 0;
		if (!is_yes && strcasecmp(s, no[i]) != 0)
			continue;
		*ret = is_yes;
		return true;
	}
	return false;
}

void str_duration_text(uint64_t ms, char *out, size_t size)
{
	uint64_t h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60, frac = ms % 1000;
	char tail[8] = "";
	if (ms && ms < 1000) {
		snprintf(out, size, "%llums", (unsigned long long)ms);
		return;
	}
	if (frac) {
		snprintf(tail, sizeof tail, ".%03u", (unsigned)frac);
		for (size_t n = strlen(tail); tail[n - 1] == '0'; n--)
			tail[n - 1] = '\0';
	}
	if (h)
		snprintf(out, size, "%lluh%llum%llu%ss", (unsigned long long)h,
			 (unsigned long long)m, (unsigned long long)s, tail);
	else if (m)
		snprintf(out, size, "%llum%llu%ss", (unsigned long long)m, (unsigned long long)s,
			 tail);
	else
		snprintf(out, size, "%llu%ss", (unsigned long long)s, tail);
}

const char *str_num(char *out, uint64_t n)
{
	snprintf(out, STR_NUM, "%llu", (unsigned long long)n);
	return out;
}

bool str_is_printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);
	return n >= k && strcmp(s + n - k, suffix) == 0;
}

enum { NEAREST_MAX = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein distance; both at most NEAREST_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAREST_MAX + 1], nb = strlen(b);
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t up = row[j];
			row[j] = least(up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[nb];
}

const char *str_nearest(const char *s, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t least_far = SIZE_MAX, len = strlen(s);
	if (len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) > NEAREST_MAX)
			continue;
		size_t d = distance(s, names[i]);
		if (d < least_far) {
			least_far = d;
			best = names[i];
		}
	}
	return best && least_far <= (strlen(best) + 2) / 3 ? best : NULL;
}
