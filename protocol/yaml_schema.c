/* The YAML 1.2 core schema: what a scalar without quotes is. */
#include "protocol/yaml.h"

#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE", NULL };
static const char *const specials[] = { ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", NULL };

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* All of s, at least one, are among chars. */
static bool all_of(const char *s, const char *chars)
{
	return *s && !s[strspn(s, chars)];
}

static bool is_int(const char *s)
{
	static const char digits[] = "0123456789";
	if (str_starts(s, "0o"))
		return all_of(s + 2, "01234567");
	if (str_starts(s, "0x"))
		return all_of(s + 2, "0123456789abcdefABCDEF");
	return all_of(s + (*s == '-' || *s == '+'), digits);
}

/* [-+]? ( . digits | digits [. digits?] ) [ e [-+]? digits ] */
static bool is_float(const char *s)
{
	s += *s == '-' || *s == '+';
	if (is_one_of(s, specials))
		return true;
	size_t whole = strspn(s, "0123456789"), part = 0;
	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, "0123456789");
		s += 1 + part;
	}
	if (!whole && !part)
		return false;
	if (*s != 'e' && *s != 'E')
		return !*s;
	s++;
	return all_of(s + (*s == '-' || *s == '+'), "0123456789");
}

enum yaml_kind yaml_plain_kind(const char *text)
{
	if (is_one_of(text, nulls))
		return YAML_NULL;
	if (is_one_of(text, bools))
		return YAML_BOOL;
	if (is_int(text))
		return YAML_INT;
	return is_float(text) ? YAML_FLOAT : YAML_STR;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {
		[YAML_NULL] = "nothing",   [YAML_BOOL] = "true or false", [YAML_INT] = "a number",
		[YAML_FLOAT] = "a number", [YAML_STR] = "a string",       [YAML_LIST] = "a list",
		[YAML_MAP] = "a mapping",
	};
	return names[kind];
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return map->pairs[i].value;
	return NULL;
}
