/* strategy: the contexts that come of it. */
#include "protocol/workflow_read.h"

#include "base/str.h"

#include <string.h>

static int put_json(struct buf *out, const struct yaml_node *v, struct err *e);

static int put_map(struct buf *out, const struct yaml_node *v, struct err *e)
{
	for (size_t i = 0; i < v->count; i++) {
		const char *key = v->pairs[i].key->text;
		if (buf_char(out, i ? ',' : '{', e) < 0 || str_json(out, key, strlen(key), e) < 0 ||
		    buf_char(out, ':', e) < 0 || put_json(out, v->pairs[i].value, e) < 0)
			return -1;
	}
	return buf_str(out, v->count ? "}" : "{}", e);
}

static int put_list(struct buf *out, const struct yaml_node *v, struct err *e)
{
	for (size_t i = 0; i < v->count; i++)
		if (buf_char(out, i ? ',' : '[', e) < 0 || put_json(out, v->items[i], e) < 0)
			return -1;
	return buf_str(out, v->count ? "]" : "[]", e);
}

/* Whether text is a number as JSON writes one: YAML has more forms, which stay texts. */
static bool is_json_number(const char *s)
{
	s += *s == '-';
	size_t digits = strspn(s, "0123456789");
	if (!digits || (*s == '0' && digits > 1))
		return false;
	s += digits;
	if (*s == '.') {
		digits = strspn(s + 1, "0123456789");
		if (!digits)
			return false;
		s += 1 + digits;
	}
	return *s == '\0';
}

static int put_json(struct buf *out, const struct yaml_node *v, struct err *e)
{
	bool truth;
	if (v->kind == YAML_MAP)
		return put_map(out, v, e);
	if (v->kind == YAML_LIST)
		return put_list(out, v, e);
	if (v->kind == YAML_NULL)
		return buf_str(out, "null", e);
	if (v->kind == YAML_BOOL && str_bool(v->text, &truth))
		return buf_str(out, truth ? "true" : "false", e);
	if ((v->kind == YAML_INT || v->kind == YAML_FLOAT) && is_json_number(v->text))
		return buf_str(out, v->text, e);
	return str_json(out, v->text, strlen(v->text), e);
}

static bool is_value(const struct yaml_pair *p)
{
	return strcmp(p->key->text, "include") != 0 && strcmp(p->key->text, "exclude") != 0;
}

static int put_member(struct buf *out, const struct yaml_pair *p, struct err *e)
{
	const struct yaml_node *v = p->value;
	const char *key = p->key->text;
	if (v->kind == YAML_LIST && v->count == 1)
		v = v->items[0];
	if ((out->p[out->len - 1] != '{' && buf_char(out, ',', e) < 0) ||
	    str_json(out, key, strlen(key), e) < 0 || buf_char(out, ':', e) < 0)
		return -1;
	return put_json(out, v, e);
}

int workflow_matrix_json(const struct yaml_node *strategy, struct buf *out, struct err *e)
{
	const struct yaml_node *matrix = strategy ? yaml_get(strategy, "matrix") : NULL;
	size_t n = matrix && matrix->kind == YAML_MAP ? matrix->count : 0;
	if (buf_char(out, '{', e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is_value(&matrix->pairs[i]) && put_member(out, &matrix->pairs[i], e) < 0)
			return -1;
	return buf_char(out, '}', e);
}

/* What the server does not say is a job that is alone. */
int workflow_strategy_json(const struct yaml_node *strategy, struct buf *out, struct err *e)
{
	static const char *const rows[][2] = {
		{ "fail-fast", "true" },
		{ "max-parallel", "1" },
		{ "job-index", "0" },
		{ "job-total", "1" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct yaml_node *v = strategy ? yaml_get(strategy, rows[i][0]) : NULL;
		if (buf_printf(out, e, "%s\"%s\":", i ? "," : "{", rows[i][0]) < 0)
			return -1;
		if ((v && v->kind < YAML_STR ? put_json(out, v, e) : buf_str(out, rows[i][1], e)) <
		    0)
			return -1;
	}
	return buf_char(out, '}', e);
}
