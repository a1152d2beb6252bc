#include "protocol/workflow_part.h"

#include <errno.h>
#include <string.h>

enum { ITEMS_MAX = 64 };

int workflow_fail(struct workflow_reading *r, const struct yaml_node *at, const char *what)
{
	return err_set(r->e, EINVAL, "%u:%u: %s", at->line, at->col, what);
}

/* The first thing that cannot be done is what is said. */
int workflow_refuse(struct workflow_reading *r, const struct yaml_node *at, const char *what)
{
	if (*r->refusal)
		return 0;
	r->refusal = arena_printf(r->a, r->e, "line %u, column %u: %s", at->line, at->col, what);
	return r->refusal ? 0 : -1;
}

/* An empty string and null stand for anything that is not there. */
static bool is_nothing(const struct yaml_node *v)
{
	return !v || v->kind == YAML_NULL || (v->kind == YAML_STR && !*v->text);
}

/* A mapping's member, NULL when it says nothing. */
const struct yaml_node *workflow_member(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *v = map ? yaml_get(map, key) : NULL;
	return is_nothing(v) ? NULL : v;
}

int workflow_take_text(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		       struct job_text *ret)
{
	const struct yaml_node *v = map ? yaml_get(map, key) : NULL;
	*ret = (struct job_text){ .text = "" };
	if (!v || v->kind == YAML_NULL)
		return 0;
	if (v->kind >= YAML_LIST)
		return workflow_fail(r, v, "a text is expected");
	*ret = (struct job_text){ v->text, v->line, v->col };
	return 0;
}

int workflow_take_map(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		      struct job_env *ret)
{
	const struct yaml_node *v = workflow_member(map, key);
	*ret = (struct job_env){ 0 };
	if (!v)
		return 0;
	if (v->kind != YAML_MAP)
		return workflow_fail(r, v, "a mapping is expected");
	struct job_pair *pairs = arena_array(r->a, v->count, sizeof *pairs, r->e);
	if (!pairs)
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct yaml_node *value = v->pairs[i].value;
		if (value->kind >= YAML_LIST)
			return workflow_fail(r, value, "a text is expected");
		pairs[i].key = v->pairs[i].key->text;
		pairs[i].value = (struct job_text){ value->kind == YAML_NULL ? "" : value->text,
						    value->line, value->col };
	}
	*ret = (struct job_env){ pairs, v->count };
	return 0;
}

int workflow_take_list(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		       const struct job_text **ret, size_t *ret_n)
{
	const struct yaml_node *v = workflow_member(map, key);
	size_t n = !v ? 0 : v->kind == YAML_LIST ? v->count : 1;
	if (n > ITEMS_MAX)
		return workflow_fail(r, v, "there are more than 64 of them");
	struct job_text *list = arena_array(r->a, n + 1, sizeof *list, r->e);
	if (!list)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item = v->kind == YAML_LIST ? v->items[i] : v;
		if (item->kind >= YAML_LIST)
			return workflow_fail(r, item, "a text is expected");
		list[i] = (struct job_text){ item->text, item->line, item->col };
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int workflow_refuse_keys(struct workflow_reading *r, const struct yaml_node *map,
			 const struct workflow_refused *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *v = workflow_member(map, keys[i].key);
		if (v && workflow_refuse(r, v, keys[i].why) < 0)
			return -1;
	}
	return 0;
}
