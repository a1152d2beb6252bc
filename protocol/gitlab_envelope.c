#include "protocol/gitlab_envelope.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A position in a text that may end anywhere. */
struct cursor {
	const char *p, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && strchr(" \t\r\n", *c->p) && *c->p)
		c->p++;
}

/* The character is there: step over it. */
static bool skip_char(struct cursor *c, char want)
{
	skip_space(c);
	if (c->p >= c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* A string's bytes between its quotes, escapes as they are. False: none, or cut off. */
static bool take_string(struct cursor *c, const char **ret, size_t *ret_n)
{
	if (!skip_char(c, '"'))
		return false;
	const char *start = c->p;
	for (; c->p < c->end && *c->p != '"'; c->p++)
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
	if (c->p >= c->end)
		return false;
	*ret = start;
	*ret_n = (size_t)(c->p++ - start);
	return true;
}

/* A number, true, false, null: its letters. */
static void take_word(struct cursor *c, const char **ret, size_t *ret_n)
{
	skip_space(c);
	*ret = c->p;
	while (c->p < c->end && *c->p && !strchr(" \t\r\n,:]}[{\"", *c->p))
		c->p++;
	*ret_n = (size_t)(c->p - *ret);
}

/* Over one bracket or mark between values. False: first is none, or none may stand here. */
static bool skip_mark(struct cursor *c, char first, size_t *depth)
{
	if (!first || !strchr(*depth ? "[{]},:" : "[{", first))
		return false;
	*depth += first == '[' || first == '{';
	*depth -= first == ']' || first == '}';
	c->p++;
	return true;
}

/* Over one value of any kind; brackets are counted, not matched. False: cut off or no value. */
static bool skip_value(struct cursor *c)
{
	const char *s;
	size_t n, depth = 0;
	do {
		skip_space(c);
		if (c->p >= c->end)
			return false;
		char first = *c->p;
		if (first == '"') {
			if (!take_string(c, &s, &n))
				return false;
			continue;
		}
		take_word(c, &s, &n);
		if (n)
			continue;
		if (!skip_mark(c, first, &depth))
			return false;
	} while (depth);
	return true;
}

/* --- fields ------------------------------------------------------------------------------------- */

enum kind { NUMBER, TEXT, FLAG };

struct field {
	const char *object; /* the member of the payload it is in; "" the payload itself */
	const char *key;
	enum kind kind;
	size_t to;
};

#define TO(field) offsetof(struct gitlab_envelope, field)
static const struct field fields[] = {
	{ "", "id", NUMBER, TO(id) },
	{ "", "token", TEXT, TO(token) },
	{ "job_info", "project_id", NUMBER, TO(project_id) },
	{ "job_info", "project_full_path", TEXT, TO(project_path) },
	{ "git_info", "protected", FLAG, TO(protected_ref) },
	{ "runner_info", "timeout", NUMBER, TO(timeout_s) },
};

static bool same(const char *want, const char *s, size_t n)
{
	return strlen(want) == n && memcmp(want, s, n) == 0;
}

/* Both need no escape to be written: "\/" is the one that a server may send in a path. */
static void put_text(char *to, const char *s, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n && k < GITLAB_ENVELOPE_TEXT; i++) {
		if (s[i] == '\\' && (i + 1 >= n || !strchr("/\\\"", s[++i])))
			return;
		if (!str_is_printable(s + i, 1))
			return;
		k++;
	}
	if (k >= GITLAB_ENVELOPE_TEXT)
		return;
	for (size_t i = 0; i < n; i++) {
		i += s[i] == '\\';
		*to++ = s[i];
	}
	*to = '\0';
}

static void put_number(uint64_t *to, const char *s, size_t n)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%.*s", n < sizeof digits ? (int)n : 0, s);
	str_u64(digits, INT64_MAX, to);
}

static bool take_field(struct cursor *c, const struct field *f, struct gitlab_envelope *ret)
{
	char *to = (char *)ret + f->to;
	const char *s;
	size_t n;
	skip_space(c);
	bool quoted = c->p < c->end && *c->p == '"';
	if (quoted != (f->kind == TEXT))
		return skip_value(c);
	if (quoted) {
		if (!take_string(c, &s, &n))
			return false;
		*to = '\0'; /* a later one wins, also when it is none */
		put_text(to, s, n);
		return true;
	}
	struct cursor word = *c;
	take_word(&word, &s, &n);
	if (word.p >= word.end)
		return false; /* "12" may be the beginning of 123 */
	if (f->kind == NUMBER)
		put_number((uint64_t *)(void *)to, s, n);
	else
		*(bool *)to = same("true", s, n);
	return skip_value(c);
}

static const struct field *field_at(const char *object, const char *key, size_t n)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcmp(fields[i].object, object) == 0 && same(fields[i].key, key, n))
			return &fields[i];
	return NULL;
}

static const char *object_at(const char *key, size_t n)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (*fields[i].object && same(fields[i].object, key, n))
			return fields[i].object;
	return NULL;
}

/* The members behind an object's '{'. False: cut off or malformed, there is no going on. */
static bool take_members(struct cursor *c, const char *object, struct gitlab_envelope *ret);

static bool take_member(struct cursor *c, const char *object, struct gitlab_envelope *ret)
{
	const char *key;
	size_t n;
	if (!take_string(c, &key, &n) || !skip_char(c, ':'))
		return false;
	const struct field *f = field_at(object, key, n);
	if (f)
		return take_field(c, f, ret);
	const char *inner = *object ? NULL : object_at(key, n);
	struct cursor ahead = *c;
	if (inner && skip_char(&ahead, '{')) {
		*c = ahead;
		return take_members(c, inner, ret);
	}
	return skip_value(c);
}

static bool take_members(struct cursor *c, const char *object, struct gitlab_envelope *ret)
{
	if (skip_char(c, '}'))
		return true;
	do {
		if (!take_member(c, object, ret))
			return false;
	} while (skip_char(c, ','));
	return skip_char(c, '}');
}

int gitlab_envelope(const char *text, size_t n, struct gitlab_envelope *ret, struct err *e)
{
	struct cursor c = { text, text + n };
	*ret = (struct gitlab_envelope){ 0 };
	if (!skip_char(&c, '{'))
		return err_set(e, EINVAL, "payload: not a JSON object");
	take_members(&c, "", ret);
	if (!ret->id)
		return err_set(e, EINVAL, "payload: no id");
	if (!*ret->token)
		return err_set(e, EINVAL, "payload: no token");
	return 0;
}
