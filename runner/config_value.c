#include "runner/config_value.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { SECOND_MS = 1000 };

static void put(const struct config_key *k, void *to, const void *from, size_t n)
{
	memcpy((char *)to + k->to, from, n);
}

static int put_string(const struct config_key *k, const char *text, void *to, struct arena *a,
		      struct err *e)
{
	const char *s = *text ? arena_strdup(a, text, e) : "";
	if (!s)
		return -1;
	put(k, to, &s, sizeof s);
	return 0;
}

static int set_line(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	if (!str_is_printable(text, strlen(text)))
		return err_set(e, EINVAL, "a control byte in it");
	return put_string(k, text, to, a, e);
}

static int set_path(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	if (*text && *text != '/')
		return err_set(e, EINVAL, "\"%.64s\" is not an absolute path", text);
	return set_line(k, text, to, a, e);
}

static int set_url(const struct config_key *k, const char *text, void *to, struct arena *a,
		   struct err *e)
{
	const char *rest = strstr(text, "://");
	bool known = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
	if (!*text)
		return set_line(k, text, to, a, e);
	if (!known || !strcspn(rest + 3, "/?#:") || strpbrk(text, " \"'\\"))
		return err_set(e, EINVAL, "not an http or https URL");
	if (memchr(rest + 3, '@', strcspn(rest + 3, "/?#")))
		return err_set(e, EINVAL, "a URL with a user or a password in it");
	return set_line(k, text, to, a, e);
}

/* The index of text among the key's words; -1 with e set. */
static int word_index(const struct config_key *k, const char *text, struct err *e)
{
	char list[128] = "";
	for (int i = 0; k->words[i]; i++)
		if (strcmp(k->words[i], text) == 0)
			return i;
	for (size_t i = 0; k->words[i]; i++) {
		size_t n = strlen(list);
		snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", k->words[i]);
	}
	return err_set(e, EINVAL, "\"%.64s\" is not one of: %s", text, list);
}

static int set_word(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	return word_index(k, text, e) < 0 ? -1 : set_line(k, text, to, a, e);
}

static int set_choice(const struct config_key *k, const char *text, void *to, struct arena *a,
		      struct err *e)
{
	int i = word_index(k, text, e);
	(void)a;
	if (i < 0)
		return -1;
	put(k, to, &i, sizeof i);
	return 0;
}

static int set_bool(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	bool b;
	(void)a;
	if (!str_bool(text, &b))
		return err_set(e, EINVAL, "\"%.64s\" is not true or false", text);
	put(k, to, &b, sizeof b);
	return 0;
}

/* --- numbers ------------------------------------------------------------------------------------ */

static int set_count(const struct config_key *k, const char *text, void *to, struct arena *a,
		     struct err *e)
{
	uint64_t v;
	(void)a;
	if (!str_u64(text, UINT64_MAX, &v))
		return err_set(e, EINVAL, "\"%.64s\" is not a whole number", text);
	if (v < k->min || v > k->max)
		return err_set(e, EINVAL, "%llu is not in %llu to %llu", (unsigned long long)v,
			       (unsigned long long)k->min, (unsigned long long)k->max);
	put(k, to, &v, sizeof v);
	return 0;
}

static int set_duration(const struct config_key *k, const char *text, void *to, struct arena *a,
			struct err *e)
{
	uint64_t ms;
	char min[32], max[32];
	(void)a;
	if (!str_duration(text, SECOND_MS, &ms))
		return err_set(e, EINVAL,
			       "\"%.64s\" is not a duration (90 for seconds, 15m, 1h30m)", text);
	str_duration_text(k->min, min, sizeof min);
	str_duration_text(k->max, max, sizeof max);
	if (ms < k->min || ms > k->max)
		return err_set(e, EINVAL, "\"%.64s\" is not in %s to %s", text, min, max);
	put(k, to, &ms, sizeof ms);
	return 0;
}

static int set_size(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	uint64_t v;
	(void)a;
	if (!str_size(text, k->bare, &v))
		return err_set(e, EINVAL, "\"%.64s\" is not a size (64KiB, 4MiB, 1GB)", text);
	if (v < k->min || v > k->max)
		return err_set(e, EINVAL, "%llu bytes are not in %llu to %llu",
			       (unsigned long long)v, (unsigned long long)k->min,
			       (unsigned long long)k->max);
	put(k, to, &v, sizeof v);
	return 0;
}

static bool two_digits(const char *s, long *ret)
{
	for (size_t i = 0; i < 2; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	*ret = (s[0] - '0') * 10 + (s[1] - '0');
	return true;
}

/* "Z", "+02:00" or "-0530" as seconds; -1: none of them. */
static bool zone(const char *s, long *ret)
{
	long h, m;
	if (strcmp(s, "Z") == 0 || strcmp(s, "z") == 0) {
		*ret = 0;
		return true;
	}
	if (*s != '+' && *s != '-')
		return false;
	if (!two_digits(s + 1, &h))
		return false;
	const char *minutes = s[3] == ':' ? s + 4 : s + 3;
	if (!two_digits(minutes, &m) || minutes[2])
		return false;
	long offset = h * 3600 + m * 60;
	*ret = *s == '-' ? -offset : offset;
	return h < 24 && m < 60;
}

static bool rfc3339(const char *text, uint64_t *ret)
{
	struct tm tm = { 0 };
	long offset;
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest || !*rest || !strchr("Tt ", *rest))
		return false;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	if (rest && *rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!rest || !zone(rest, &offset))
		return false;
	long long t = (long long)timegm(&tm) - offset;
	if (t < 0)
		return false;
	*ret = (uint64_t)t;
	return true;
}

static int set_time(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	uint64_t v;
	(void)a;
	if (!str_u64(text, INT64_MAX, &v) && !rfc3339(text, &v))
		return err_set(e, EINVAL,
			       "\"%.64s\" is not a time (2026-01-31T12:00:00Z, or seconds)", text);
	put(k, to, &v, sizeof v);
	return 0;
}

/* --- lists -------------------------------------------------------------------------------------- */

static int set_item(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	const char *const *old;
	size_t n;
	memcpy(&old, (const char *)to + k->to, sizeof old);
	memcpy(&n, (const char *)to + k->count, sizeof n);
	if (!str_is_printable(text, strlen(text)))
		return err_set(e, EINVAL, "a control byte in an item");
	if (n >= CONFIG_LIST_MAX)
		return err_set(e, E2BIG, "more than %d items", CONFIG_LIST_MAX);
	const char **list = arena_array(a, n + 1, sizeof *list, e);
	if (!list)
		return -1;
	if (n)
		memcpy(list, old, n * sizeof *list);
	list[n] = arena_strdup(a, text, e);
	if (!list[n++])
		return -1;
	put(k, to, &list, sizeof list);
	memcpy((char *)to + k->count, &n, sizeof n);
	return 0;
}

static int set_pair(const struct config_key *k, const char *text, void *to, struct arena *a,
		    struct err *e)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text)
		return err_set(e, EINVAL, "an item is not K=V");
	return set_item(k, text, to, a, e);
}

bool config_value_is_list(const struct config_key *k)
{
	return k->type == CONFIG_LIST || k->type == CONFIG_PAIRS;
}

void config_value_clear(const struct config_key *k, void *to)
{
	size_t none = 0;
	memcpy((char *)to + k->count, &none, sizeof none);
}

/* --- all of them -------------------------------------------------------------------------------- */

typedef int set_fn(const struct config_key *k, const char *text, void *to, struct arena *a,
		   struct err *e);

static set_fn *const setters[CONFIG_TYPES] = {
	[CONFIG_LINE] = set_line,     [CONFIG_TEXT] = put_string,       [CONFIG_SECRET] = set_line,
	[CONFIG_PATH] = set_path,     [CONFIG_URL] = set_url,           [CONFIG_WORD] = set_word,
	[CONFIG_CHOICE] = set_choice, [CONFIG_BOOL] = set_bool,         [CONFIG_COUNT] = set_count,
	[CONFIG_SIZE] = set_size,     [CONFIG_DURATION] = set_duration, [CONFIG_TIME] = set_time,
	[CONFIG_LIST] = set_item,     [CONFIG_PAIRS] = set_pair,
};

int config_value_set(const struct config_key *k, const char *text, void *to, struct arena *a,
		     struct err *e)
{
	return setters[k->type](k, text, to, a, e);
}

int config_value_defaults(const struct config_level *level, void *to, struct arena *a,
			  struct err *e)
{
	for (size_t i = 0; i < level->n; i++) {
		const struct config_key *k = &level->keys[i];
		if (config_value_is_list(k))
			config_value_clear(k, to);
		else if (config_value_set(k, k->standard, to, a, e) < 0)
			return err_wrap(e, "%s", k->name);
	}
	return 0;
}
