#include "runner/config_read.h"

#include "base/str.h"
#include "runner/config_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 128, PAIR_BYTES = 4096 };

#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* One mapping of the file: which keys it may have and where they go. */
struct place {
	struct config_reading *r;
	const struct config_level *level;
	void *to;
	const char *prefix; /* "cancel." within that mapping, else "" */
	bool *named;        /* of a profile: which of its level's keys are there; else NULL */
};

static void refuse(const struct place *p, const struct yaml_node *at, const char *name,
		   const char *why)
{
	config_error(p->r->errors, at->line, at->col, "%s: %s", name, why);
}

/* --- values ------------------------------------------------------------------------------------- */

static void take_text(const struct place *p, const struct config_key *k, const struct yaml_node *at,
		      const char *text)
{
	struct err e = { 0 };
	if (config_value_set(k, text, p->to, p->r->arena, &e) < 0)
		refuse(p, at, k->name, e.msg);
}

/* K: V of a mapping as "K=V". */
static void take_pair(const struct place *p, const struct config_key *k,
		      const struct yaml_pair *pair)
{
	char text[PAIR_BYTES];
	int n = snprintf(text, sizeof text, "%s=%s", pair->key->text, pair->value->text);
	if (pair->value->kind >= YAML_LIST)
		refuse(p, pair->value, k->name, "a value that is no scalar");
	else if (n < 0 || (size_t)n >= sizeof text)
		refuse(p, pair->value, k->name, "a value that is too long");
	else
		take_text(p, k, pair->value, text);
}

static void take_list(const struct place *p, const struct config_key *k, const struct yaml_node *v)
{
	config_value_clear(k, p->to);
	for (size_t i = 0; v->kind == YAML_MAP && i < v->count; i++)
		take_pair(p, k, &v->pairs[i]);
	for (size_t i = 0; v->kind == YAML_LIST && i < v->count; i++) {
		if (v->items[i]->kind >= YAML_LIST)
			refuse(p, v->items[i], k->name, "an item that is no scalar");
		else
			take_text(p, k, v->items[i], v->items[i]->text);
	}
}

static void take_value(const struct place *p, const struct config_key *k, const struct yaml_node *v)
{
	char why[NAME_BYTES];
	bool list = config_value_is_list(k);
	bool fits = list ? v->kind == YAML_LIST || (v->kind == YAML_MAP && k->type == CONFIG_PAIRS)
			 : v->kind < YAML_LIST;
	if (v->kind == YAML_NULL)
		return; /* as if the key were not there */
	if (p->named)
		p->named[k - p->level->keys] = true;
	snprintf(why, sizeof why, "%s is expected, not %s", config_type_name(k->type),
		 yaml_kind_name(v->kind));
	if (!fits)
		refuse(p, v, k->name, why);
	else if (list)
		take_list(p, k, v);
	else
		take_text(p, k, v, v->text);
}

/* --- keys --------------------------------------------------------------------------------------- */

static void take_map(const struct place *p, const struct yaml_node *map);

static void unknown(const struct place *p, const struct yaml_node *key, const char *name)
{
	bool file = !*p->level->name;
	const struct config_level *other = file || p->named ? &config_runner_level
							    : &config_file_level;
	const char *foreign = config_key_foreign(name);
	const char *near = config_key_nearest(p->level, name);
	const char *elsewhere = config_key_nearest(other, name);
	const char *level = other == &config_file_level ? "to the top of the file"
							: "to a runner: an item of runners";
	if (foreign)
		config_error(p->r->errors, key->line, key->col, "key \"%s\": %s", name, foreign);
	else if (config_key_find(other, name))
		config_error(p->r->errors, key->line, key->col, "key \"%s\" belongs %s", name,
			     level);
	else if (near)
		config_error(p->r->errors, key->line, key->col,
			     "unknown key \"%s\"; did you mean \"%s\"?", name, near);
	else if (elsewhere)
		config_error(p->r->errors, key->line, key->col,
			     "unknown key \"%s\"; did you mean \"%s\"? It belongs %s", name,
			     elsewhere, level);
	else
		config_error(p->r->errors, key->line, key->col, "unknown key \"%s\"", name);
}

/* Two spellings of one key ("tls-ca-file", "tls_ca_file") in one mapping. */
static bool is_double(const struct place *p, const struct yaml_node *map, size_t i,
		      const struct config_key *k)
{
	char name[NAME_BYTES];
	for (size_t j = 0; j < i; j++) {
		snprintf(name, sizeof name, "%s%s", p->prefix, map->pairs[j].key->text);
		if (config_key_find(p->level, name) == k)
			return true;
	}
	return false;
}

static void take_member(const struct place *p, const struct yaml_node *map, size_t i)
{
	char name[NAME_BYTES], prefix[NAME_BYTES + 1];
	const struct yaml_node *key = map->pairs[i].key, *v = map->pairs[i].value;
	snprintf(name, sizeof name, "%s%s", p->prefix, key->text);
	const struct config_key *k = config_key_find(p->level, name);
	if (k && is_double(p, map, i, k)) {
		refuse(p, key, k->name, "is there twice, in two spellings");
	} else if (k) {
		take_value(p, k, v);
	} else if (!config_key_is_prefix(p->level, name)) {
		unknown(p, key, name);
	} else if (v->kind == YAML_MAP) {
		snprintf(prefix, sizeof prefix, "%s.", name);
		struct place inner = { p->r, p->level, p->to, prefix, p->named };
		take_map(&inner, v);
	} else if (v->kind != YAML_NULL) {
		refuse(p, v, name, "a mapping is expected");
	}
}

/* What is read on its own. */
static bool is_list_of_file(const char *key)
{
	return strcmp(key, config_runner_level.name) == 0 ||
	       strcmp(key, config_profile_level.name) == 0;
}

static void take_map(const struct place *p, const struct yaml_node *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const char *key = map->pairs[i].key->text;
		if (!*p->level->name && !*p->prefix && is_list_of_file(key))
			continue;
		take_member(p, map, i);
	}
}

const struct yaml_node *config_item_at(const struct yaml_node *list, size_t i)
{
	if (i >= list->count)
		return list;
	return list->kind == YAML_MAP ? list->pairs[i].value : list->items[i];
}

/* --- the runners -------------------------------------------------------------------------------- */

static int runners_new(struct config_reading *r, size_t n, struct err *e)
{
	r->runners = arena_array(r->arena, n, sizeof *r->runners, e);
	r->places = arena_array(r->arena, n, sizeof(struct yaml_node *), e);
	if (!r->runners || !r->places)
		return -1;
	r->config->runners = r->runners;
	r->config->nrunners = n;
	for (size_t i = 0; i < n; i++)
		if (config_value_defaults(&config_runner_level, &r->runners[i], r->arena, e) < 0)
			return -1;
	return 0;
}

static int take_runners(struct config_reading *r, const struct yaml_node *list, struct err *e)
{
	size_t n = list && list->kind == YAML_LIST ? list->count : 0;
	if (list && list->kind != YAML_LIST && list->kind != YAML_NULL)
		config_error(r->errors, list->line, list->col, "runners: a list is expected");
	if (n > CONFIG_RUNNERS_MAX) {
		config_error(r->errors, list->line, list->col, "runners: %zu items, at most %d", n,
			     CONFIG_RUNNERS_MAX);
		n = 0;
	}
	if (runners_new(r, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item = list->items[i];
		struct place p = { r, &config_runner_level, &r->runners[i], "", NULL };
		r->places[i] = item;
		if (item->kind != YAML_MAP)
			config_error(r->errors, item->line, item->col,
				     "runners[%zu]: a mapping is expected", i);
		else
			take_map(&p, item);
	}
	return 0;
}

/* --- the profiles ------------------------------------------------------------------------------- */

static void take_profile(struct config_reading *r, const struct yaml_pair *pair,
			 struct config_profile *to)
{
	const struct yaml_node *key = pair->key, *v = pair->value;
	struct place p = { r, &config_profile_level, &to->rights, "", to->named };
	size_t n = strlen(key->text);
	to->name = key->text;
	if (!n || n >= NAME_BYTES / 2 || strspn(key->text, NAME_LETTERS) != n)
		config_error(r->errors, key->line, key->col,
			     "profiles: \"%.64s\": a name has letters, digits, '.', '_' and '-'",
			     key->text);
	else if (v->kind == YAML_MAP)
		take_map(&p, v);
	else
		config_error(r->errors, v->line, v->col, "profiles.%s: a mapping is expected",
			     key->text);
}

static int take_profiles(struct config_reading *r, const struct yaml_node *map, struct err *e)
{
	bool some = map && map->kind != YAML_NULL;
	size_t n = some && map->kind == YAML_MAP ? map->count : 0;
	if (some && map->kind != YAML_MAP)
		config_error(r->errors, map->line, map->col,
			     "profiles: a mapping of names to mappings is expected");
	if (n > CONFIG_PROFILES_MAX) {
		config_error(r->errors, map->line, map->col, "profiles: %zu of them, at most %d", n,
			     CONFIG_PROFILES_MAX);
		n = 0;
	}
	r->profiles = arena_array(r->arena, n, sizeof *r->profiles, e);
	if (!r->profiles)
		return -1;
	r->config->profiles = r->profiles;
	r->config->nprofiles = n;
	for (size_t i = 0; i < n; i++) {
		if (config_value_defaults(&config_profile_level, &r->profiles[i].rights, r->arena,
					  e) < 0)
			return -1;
		take_profile(r, &map->pairs[i], &r->profiles[i]);
	}
	return 0;
}

int config_read_file(struct config_reading *r, const struct yaml_node *root, struct err *e)
{
	struct place p = { r, &config_file_level, r->config, "", NULL };
	if (config_value_defaults(p.level, r->config, r->arena, e) < 0)
		return -1;
	if (root->kind == YAML_MAP)
		take_map(&p, root);
	else if (root->kind != YAML_NULL)
		config_error(r->errors, root->line, root->col, "a mapping is expected");
	if (take_profiles(r, yaml_get(root, config_profile_level.name), e) < 0)
		return -1;
	return take_runners(r, yaml_get(root, config_runner_level.name), e);
}

/* --- overrides ---------------------------------------------------------------------------------- */

/* The runner that "runners.SELECTOR." begins with: its index, and *key behind the dot; -1 none. */
static long runner_at(const struct config_reading *r, const char *name, const char **key)
{
	char number[24];
	for (size_t i = 0; i < r->config->nrunners; i++) {
		const char *own = r->runners[i].name;
		size_t n = strlen(own);
		snprintf(number, sizeof number, "%zu.", i);
		if (n && strncmp(name, own, n) == 0 && name[n] == '.') {
			*key = name + n + 1;
			return (long)i;
		}
		if (str_starts(name, number)) {
			*key = name + strlen(number);
			return (long)i;
		}
	}
	return -1;
}

/* Is this key's list begun by an earlier override. */
static bool seen_before(const char *const *all, size_t i, size_t key_n)
{
	for (size_t j = 0; j < i; j++)
		if (strncmp(all[j], all[i], key_n + 1) == 0)
			return true;
	return false;
}

/* Does *key begin with "profiles.NAME." of one that there is. */
static bool profile_place(struct config_reading *r, const char **key, struct place *ret)
{
	static const char profiles[] = "profiles.";
	if (!str_starts(*key, profiles))
		return false;
	for (size_t i = 0; i < r->config->nprofiles; i++) {
		const char *own = r->profiles[i].name, *rest = *key + strlen(profiles);
		if (!str_starts(rest, own) || rest[strlen(own)] != '.')
			continue;
		*key = rest + strlen(own) + 1;
		ret->level = &config_profile_level;
		ret->to = &r->profiles[i].rights;
		ret->named = r->profiles[i].named;
		return true;
	}
	return false;
}

/* The place that *key begins with names; *key is what is left of it. False: no such runner. */
static bool override_place(struct config_reading *r, const char **key, struct place *ret)
{
	static const char runners[] = "runners.";
	*ret = (struct place){ r, &config_file_level, r->config, "", NULL };
	if (profile_place(r, key, ret))
		return true;
	if (!str_starts(*key, runners))
		return true;
	long which = runner_at(r, *key + strlen(runners), key);
	if (which < 0)
		return false;
	ret->level = &config_runner_level;
	ret->to = &r->runners[which];
	return true;
}

static int override_set(const struct place *p, const char *key, const char *text, bool fresh,
			struct err *e)
{
	const struct config_key *k = config_key_find(p->level, key);
	const char *near = k ? NULL : config_key_nearest(p->level, key);
	if (near)
		return err_set(e, EINVAL, "unknown key; did you mean \"%s\"?", near);
	if (!k)
		return err_set(e, EINVAL, "unknown key");
	if (config_value_is_list(k) && fresh)
		config_value_clear(k, p->to);
	if (p->named)
		p->named[k - p->level->keys] = true;
	return config_value_set(k, text, p->to, p->r->arena, e);
}

void config_read_override(struct config_reading *r, const char *const *all, size_t i)
{
	char name[NAME_BYTES];
	const char *key = name, *equals = strchr(all[i], '=');
	size_t n = equals ? (size_t)(equals - all[i]) : strlen(all[i]);
	struct place p;
	struct err e = { 0 };
	snprintf(name, sizeof name, "%.*s", (int)(n < NAME_BYTES ? n : NAME_BYTES), all[i]);
	if (!equals)
		err_set(&e, EINVAL, "not KEY=VALUE");
	else if (!override_place(r, &key, &p))
		err_set(&e, ENOENT, "there is no such runner");
	else
		override_set(&p, key, equals + 1, !seen_before(all, i, n), &e);
	if (e.code)
		config_error(r->errors, 0, 0, "-o %s: %s", name, e.msg);
}
