#include "protocol/gitlab_inputs.h"

#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { TEXT_MAX = 8 << 20, INPUTS_MAX = 1024 };

struct type {
	const char *name;
	json_type is, or ;
};

static const struct type types[] = {
	{ "string", JSON_STRING, JSON_STRING }, { "number", JSON_INTEGER, JSON_REAL },
	{ "boolean", JSON_TRUE, JSON_FALSE },   { "array", JSON_ARRAY, JSON_ARRAY },
	{ "struct", JSON_OBJECT, JSON_OBJECT },
};

static const struct type *type_named(const json_t *name)
{
	for (size_t i = 0; json_is_string(name) && i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].name, json_string_value(name)) == 0)
			return &types[i];
	return NULL;
}

static int input_check(const struct json_at *at, struct err *e)
{
	if (json_at_object(at, e) < 0)
		return -1;
	struct json_at key = json_at_key(at, "key"), value = json_at_key(at, "value");
	if (json_at_object(&value, e) < 0)
		return -1;
	struct json_at type = json_at_key(&value, "type"), content = json_at_key(&value, "content");
	struct json_at sensitive = json_at_key(&value, "sensitive");
	if (!json_string_length(key.value))
		return json_at_fail(&key, e, "missing");
	if (!content.value)
		return json_at_fail(&content, e, "missing");
	const struct type *t = type_named(type.value);
	if (!t)
		return json_at_fail(&type, e, "not one of: string, number, boolean, array, struct");
	if (json_typeof(content.value) != t->is && json_typeof(content.value) != t->or)
		return json_at_fail(&content, e, "not the %s that it is said to be", t->name);
	if (sensitive.value && !json_is_boolean(sensitive.value))
		return json_at_fail(&sensitive, e, "not true or false");
	return 0;
}

int gitlab_inputs_check(const struct json_at *at, struct err *e)
{
	if (json_at_array(at, e) < 0)
		return -1;
	if (json_array_size(at->value) > INPUTS_MAX)
		return json_at_fail(at, e, "%zu items, at most %d", json_array_size(at->value),
				    INPUTS_MAX);
	for (size_t i = 0; i < json_array_size(at->value); i++) {
		struct json_at item = json_at_index(at, i);
		if (input_check(&item, e) < 0)
			return -1;
	}
	return 0;
}

/* --- an expression ------------------------------------------------------------------------------ */

/* A name at s: letters, digits, '_' and '-'. */
static size_t name_len(const char *s, const char *end)
{
	size_t n = 0;
	while (s + n < end && (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '-'))
		n++;
	return n;
}

static const json_t *member(const json_t *object, const char *key, size_t n)
{
	return json_object_getn(object, key, n);
}

/* The value of an input; a later one of the same key wins. */
static int input_find(const json_t *inputs, const char *name, size_t n, const json_t **ret,
		      struct err *e)
{
	const json_t *found = NULL;
	for (size_t i = 0; i < json_array_size(inputs); i++) {
		const json_t *input = json_array_get(inputs, i);
		const json_t *key = json_object_get(input, "key");
		if (json_string_length(key) == n && memcmp(json_string_value(key), name, n) == 0)
			found = json_object_get(input, "value");
	}
	if (!found)
		return err_set(e, EINVAL, "the job has no input \"%.*s\"", (int)n, name);
	if (json_is_true(json_object_get(found, "sensitive")))
		return err_set(e, EINVAL,
			       "input \"%.*s\": sensitive inputs are unsupported in "
			       "interpolations yet",
			       (int)n, name);
	*ret = json_object_get(found, "content");
	return 0;
}

/* One ".field" or "[index]" at *s: moves *s and *v. False: neither, or nothing there. */
static bool step_into(const char **s, const char *end, const json_t **v)
{
	const char *p = *s + 1;
	size_t n = name_len(p, end);
	if (!n)
		return false;
	if (**s == '.') {
		*v = member(*v, p, n);
		*s = p + n;
		return *v != NULL;
	}
	if (**s != '[' || p + n >= end || p[n] != ']' || n > 9)
		return false;
	char digits[16] = "";
	uint64_t index;
	memcpy(digits, p, n);
	if (!str_u64(digits, SIZE_MAX, &index))
		return false;
	*v = json_array_get(*v, (size_t)index);
	*s = p + n + 1;
	return *v != NULL;
}

static int value_put(struct buf *out, const json_t *v, struct err *e)
{
	if (json_is_string(v))
		return buf_str(out, json_string_value(v), e);
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	int r = buf_str(out, text, e);
	json_text_free(text);
	return r;
}

static void trim(const char **s, const char **end)
{
	while (*s < *end && isspace((unsigned char)**s))
		++*s;
	while (*s < *end && isspace((unsigned char)(*end)[-1]))
		--*end;
}

/* "str(x)" is x. */
static void unwrap(const char **s, const char **end)
{
	if (*end - *s <= 5 || strncmp(*s, "str(", 4) != 0 || (*end)[-1] != ')')
		return;
	*s += 4;
	--*end;
	trim(s, end);
}

/* The reference s..end (behind "job.inputs.") into out. */
static int reference_put(const json_t *inputs, const char *s, const char *end, struct buf *out,
			 struct err *e)
{
	const json_t *v = NULL;
	size_t n = name_len(s, end);
	if (!n)
		return err_set(e, EINVAL, "no name after \"job.inputs.\"");
	if (input_find(inputs, s, n, &v, e) < 0)
		return -1;
	const char *name = s;
	for (s += n; s < end;)
		if (!step_into(&s, end, &v))
			return err_set(e, EINVAL, "job.inputs.%.*s: cannot be resolved",
				       (int)(end - name), name);
	return value_put(out, v, e);
}

/* What stands between "${{" and "}}": s..end. whole is the expression with its braces. */
static int expression_put(const json_t *inputs, const char *s, const char *end, struct buf *out,
			  struct err *e)
{
	static const char ours[] = "job.inputs.";
	const char *whole = s - 3, *after = end + 2;
	trim(&s, &end);
	unwrap(&s, &end);
	if ((size_t)(end - s) >= sizeof ours - 1 && strncmp(s, ours, sizeof ours - 1) == 0)
		return reference_put(inputs, s + sizeof ours - 1, end, out, e);
	if (memmem(s, (size_t)(end - s), ours, sizeof ours - 1))
		return err_set(e, EINVAL,
			       "an expression that is more than a reference to an input");
	return buf_add(out, whole, (size_t)(after - whole), e);
}

static int expand(const json_t *inputs, const char *text, struct buf *out, struct err *e)
{
	const char *open;
	while ((open = strstr(text, "${{")) != NULL) {
		bool literal = open > text && open[-1] == '\\';
		const char *close = strstr(open, "}}");
		if (buf_add(out, text, (size_t)(open - text) - literal, e) < 0)
			return -1;
		text = open + 3;
		if (literal || !close) {
			if (buf_str(out, "${{", e) < 0)
				return -1;
			continue;
		}
		if (expression_put(inputs, text, close, out, e) < 0)
			return -1;
		text = close + 2;
	}
	return buf_str(out, text, e);
}

const char *gitlab_inputs_expand(const json_t *inputs, const char *text, struct arena *a,
				 struct err *e)
{
	autobuf out = BUF(TEXT_MAX);
	if (!strstr(text, "${{") || !json_array_size(inputs))
		return text;
	if (expand(inputs, text, &out, e) < 0)
		return NULL;
	return arena_strndup(a, buf_cstr(&out), out.len, e);
}
