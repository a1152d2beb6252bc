#include "protocol/yaml.h"

#include "base/clock.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

struct anchor {
	struct anchor *next;
	const char *name;
	const struct yaml_node *node;
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct arena *arena;
	struct anchor *anchors;
	size_t anchors_n;
	size_t weight; /* nodes so far, aliases expanded */
	uint64_t seed;
	struct err *e;
};

enum { ANCHORS_MAX = 1000 };

/* Children while their number is not known. */
struct link {
	struct link *next;
	const struct yaml_node *node;
};
struct chain {
	struct link *first, **end;
	size_t n;
};

static int fail(struct reader *r, yaml_mark_t at, const char *text)
{
	return err_set(r->e, EINVAL, "%zu:%zu: %s", at.line + 1, at.column + 1, text);
}

static int fail_at(struct reader *r, const struct yaml_node *at, const char *text)
{
	return err_set(r->e, EINVAL, "%u:%u: %s", at->line, at->col, text);
}

/* --- events ------------------------------------------------------------------------------------- */

static int next(struct reader *r)
{
	yaml_event_delete(&r->event);
	memset(&r->event, 0, sizeof r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	const yaml_parser_t *p = &r->parser;
	if (p->error == YAML_READER_ERROR)
		return err_set(r->e, EINVAL, "1:1: byte %zu: %s", p->problem_offset,
			       p->problem ? p->problem : "not UTF-8");
	return fail(r, p->problem_mark, p->problem ? p->problem : "out of memory");
}

/* Count n nodes more, this one among them. */
static int count(struct reader *r, size_t n)
{
	if (n > YAML_NODES_MAX - r->weight)
		return fail(r, r->event.start_mark, "more than 100000 nodes, aliases expanded");
	r->weight += n;
	return 0;
}

static struct yaml_node *node_new(struct reader *r, enum yaml_kind kind)
{
	struct yaml_node *n = count(r, 1) < 0 ? NULL : arena_new(r->arena, struct yaml_node, r->e);
	if (!n)
		return NULL;
	n->kind = kind;
	n->line = (unsigned)r->event.start_mark.line + 1;
	n->col = (unsigned)r->event.start_mark.column + 1;
	n->last_line = (unsigned)r->event.end_mark.line + 1;
	n->text = "";
	n->weight = 1;
	return n;
}

static int anchor_set(struct reader *r, const char *name, const struct yaml_node *node)
{
	if (!name)
		return 0;
	struct anchor *a = arena_new(r->arena, struct anchor, r->e);
	if (!a)
		return -1;
	if (++r->anchors_n > ANCHORS_MAX)
		return fail_at(r, node, "more than 1000 anchors");
	a->name = name;
	a->node = node;
	a->next = r->anchors;
	r->anchors = a;
	return 0;
}

/* A copy of an anchor's name; the event that has it goes away. *ret NULL: none. */
static int anchor_name(struct reader *r, const yaml_char_t *name, const char **ret)
{
	*ret = name ? arena_strdup(r->arena, (const char *)name, r->e) : NULL;
	return name && !*ret ? -1 : 0;
}

static const struct yaml_node *alias(struct reader *r)
{
	const char *name = (const char *)r->event.data.alias.anchor;
	for (const struct anchor *a = r->anchors; a; a = a->next)
		if (strcmp(a->name, name) == 0)
			return count(r, a->node->weight) < 0 ? NULL : a->node;
	fail(r, r->event.start_mark, "an alias without its anchor");
	return NULL;
}

/* --- scalars ------------------------------------------------------------------------------------ */

struct tag {
	const char *name;
	enum yaml_kind kind;
};

static const struct tag tags[] = {
	{ YAML_STR_TAG, YAML_STR },     { YAML_INT_TAG, YAML_INT },   { YAML_BOOL_TAG, YAML_BOOL },
	{ YAML_FLOAT_TAG, YAML_FLOAT }, { YAML_NULL_TAG, YAML_NULL }, { YAML_SEQ_TAG, YAML_LIST },
	{ YAML_MAP_TAG, YAML_MAP },
};

/* A tag that says something else than what is there, or that is not known, is an error. */
static int tag_check(struct reader *r, const yaml_char_t *name, struct yaml_node *node,
		     const char *text)
{
	if (!name || strcmp((const char *)name, "!") == 0)
		return 0;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		if (strcmp(tags[i].name, (const char *)name) != 0)
			continue;
		enum yaml_kind is = node->kind < YAML_LIST ? yaml_plain_kind(text) : node->kind;
		bool fits = tags[i].kind == is ||
			    (tags[i].kind == YAML_STR && node->kind < YAML_LIST) ||
			    (tags[i].kind == YAML_FLOAT && is == YAML_INT);
		node->kind = tags[i].kind;
		return fits ? 0 : fail_at(r, node, "the value is not what its tag says");
	}
	return fail_at(r, node, "an unknown tag");
}

static const struct yaml_node *scalar(struct reader *r)
{
	const char *text = (const char *)r->event.data.scalar.value;
	size_t n = r->event.data.scalar.length;
	struct yaml_node *node = node_new(r, YAML_STR);
	const char *name;
	if (!node)
		return NULL;
	if (memchr(text, '\0', n)) {
		fail_at(r, node, "a NUL in a string");
		return NULL;
	}
	node->end_col = (unsigned)r->event.end_mark.column + 1;
	node->plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (node->plain)
		node->kind = yaml_plain_kind(text);
	/* A block scalar ends where the next thing begins. */
	if (r->event.end_mark.column == 0 && node->last_line > node->line)
		node->last_line--;
	if (tag_check(r, r->event.data.scalar.tag, node, text) < 0)
		return NULL;
	node->text = n ? arena_strndup(r->arena, text, n, r->e) : "";
	if (!node->text || anchor_name(r, r->event.data.scalar.anchor, &name) < 0 ||
	    anchor_set(r, name, node) < 0)
		return NULL;
	return node;
}

/* --- collections -------------------------------------------------------------------------------- */

static const struct yaml_node *value(struct reader *r, unsigned depth);

static int chain_add(struct reader *r, struct chain *c, const struct yaml_node *node)
{
	struct link *l = arena_new(r->arena, struct link, r->e);
	if (!l)
		return -1;
	l->node = node;
	*c->end = l;
	c->end = &l->next;
	c->n++;
	return 0;
}

/* The children up to the event `end`; keys and values alike. */
static int children(struct reader *r, struct yaml_node *parent, struct chain *c,
		    yaml_event_type_t end, unsigned depth)
{
	c->end = &c->first;
	for (;;) {
		if (next(r) < 0)
			return -1;
		if (r->event.type == end)
			break;
		bool again = r->event.type == YAML_ALIAS_EVENT;
		const struct yaml_node *child = value(r, depth + 1);
		if (!child || chain_add(r, c, child) < 0)
			return -1;
		parent->weight += child->weight;
		if (!again && child->last_line > parent->last_line)
			parent->last_line = child->last_line;
	}
	unsigned last = (unsigned)r->event.end_mark.line + 1;
	if (!parent->indent && last > parent->last_line)
		parent->last_line = last; /* the closing bracket */
	return 0;
}

static const struct yaml_node *list(struct reader *r, unsigned depth)
{
	struct chain c = { 0 };
	struct yaml_node *node = node_new(r, YAML_LIST);
	const char *name;
	if (!node || tag_check(r, r->event.data.sequence_start.tag, node, "") < 0 ||
	    anchor_name(r, r->event.data.sequence_start.anchor, &name) < 0)
		return NULL;
	if (r->event.data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE)
		node->indent = node->col;
	if (children(r, node, &c, YAML_SEQUENCE_END_EVENT, depth) < 0)
		return NULL;
	const struct yaml_node **items = arena_array(r->arena, c.n, sizeof(struct yaml_node *),
						     r->e);
	if (!items)
		return NULL;
	for (const struct link *l = c.first; l; l = l->next)
		items[node->count++] = l->node;
	node->items = items;
	return anchor_set(r, name, node) < 0 ? NULL : node;
}

/* --- keys --------------------------------------------------------------------------------------- */

/* An open hash over the keys of one map: room is at least twice what comes in. */
struct keys {
	const struct yaml_node **slots;
	size_t mask;
	uint64_t seed;
};

static int keys_init(struct reader *r, struct keys *k, size_t n)
{
	size_t room = 4;
	while (room < 2 * n)
		room *= 2;
	k->mask = room - 1;
	k->seed = r->seed;
	k->slots = arena_array(r->arena, room, sizeof(struct yaml_node *), r->e);
	return k->slots ? 0 : -1;
}

static uint64_t hash(const char *s, uint64_t h)
{
	for (; *s; s++) {
		h = (h ^ (unsigned char)*s) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

/* False: it is there already. */
static bool keys_add(struct keys *k, const struct yaml_node *key)
{
	size_t i = (size_t)hash(key->text, k->seed) & k->mask;
	for (; k->slots[i]; i = (i + 1) & k->mask)
		if (strcmp(k->slots[i]->text, key->text) == 0)
			return false;
	k->slots[i] = key;
	return true;
}

static bool is_merge(const struct yaml_node *key)
{
	return key->plain && strcmp(key->text, "<<") == 0;
}

/* The maps that "<<" names: itself, or the items of its list. */
static const struct yaml_node *merged(const struct yaml_node *v, size_t i)
{
	if (v->kind == YAML_LIST)
		return i < v->count ? v->items[i] : NULL;
	return i == 0 ? v : NULL;
}

/* How many pairs "<<" may bring; -1: it names something that is no map. */
static long merge_room(struct reader *r, const struct yaml_node *v)
{
	const struct yaml_node *from;
	size_t n = 0;
	for (size_t i = 0; (from = merged(v, i)) != NULL; i++) {
		if (from->kind != YAML_MAP)
			return fail_at(r, v, "\"<<\" merges mappings only");
		if (count(r, from->weight) < 0)
			return -1;
		n += from->count;
	}
	return (long)n;
}

static void merge(struct keys *k, const struct yaml_node *v, struct yaml_pair *pairs, size_t *n)
{
	const struct yaml_node *from;
	for (size_t i = 0; (from = merged(v, i)) != NULL; i++)
		for (size_t j = 0; j < from->count; j++)
			if (keys_add(k, from->pairs[j].key))
				pairs[(*n)++] = from->pairs[j];
}

/* How many pairs a map may have with what it merges, -1 with e set. */
static long pairs_room(struct reader *r, const struct chain *c)
{
	long room = (long)(c->n / 2);
	for (const struct link *l = c->first; l; l = l->next->next) {
		if (l->node->kind >= YAML_LIST)
			return fail_at(r, l->node, "a key that is no scalar");
		if (!is_merge(l->node))
			continue;
		long more = merge_room(r, l->next->node);
		if (more < 0)
			return -1;
		room += more;
	}
	return room;
}

/* The pairs of a map: its own, then what "<<" brings that it has not itself. */
static int pairs_make(struct reader *r, struct yaml_node *node, const struct chain *c)
{
	struct keys keys;
	const struct yaml_node *merge_from = NULL;
	long room = pairs_room(r, c);
	if (room < 0)
		return -1;
	struct yaml_pair *pairs = arena_array(r->arena, (size_t)room, sizeof *pairs, r->e);
	if (!pairs || keys_init(r, &keys, (size_t)room + 1) < 0)
		return -1;
	for (const struct link *l = c->first; l; l = l->next->next) {
		if (!keys_add(&keys, l->node))
			return err_set(r->e, EINVAL, "%u:%u: key \"%.64s\" is there twice",
				       l->node->line, l->node->col, l->node->text);
		if (is_merge(l->node))
			merge_from = l->next->node;
		else
			pairs[node->count++] = (struct yaml_pair){ l->node, l->next->node };
	}
	if (merge_from)
		merge(&keys, merge_from, pairs, &node->count);
	node->pairs = pairs;
	return 0;
}

static const struct yaml_node *map(struct reader *r, unsigned depth)
{
	struct chain c = { 0 };
	struct yaml_node *node = node_new(r, YAML_MAP);
	const char *name;
	if (!node || tag_check(r, r->event.data.mapping_start.tag, node, "") < 0 ||
	    anchor_name(r, r->event.data.mapping_start.anchor, &name) < 0)
		return NULL;
	if (r->event.data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE)
		node->indent = node->col;
	if (children(r, node, &c, YAML_MAPPING_END_EVENT, depth) < 0 || pairs_make(r, node, &c) < 0)
		return NULL;
	return anchor_set(r, name, node) < 0 ? NULL : node;
}

/* The node that the current event begins. */
static const struct yaml_node *value(struct reader *r, unsigned depth)
{
	if (depth > YAML_DEPTH_MAX) {
		fail(r, r->event.start_mark, "nested more than 64 deep");
		return NULL;
	}
	if (r->event.type == YAML_ALIAS_EVENT)
		return alias(r);
	if (r->event.type == YAML_SCALAR_EVENT)
		return scalar(r);
	if (r->event.type == YAML_SEQUENCE_START_EVENT)
		return list(r, depth);
	return map(r, depth);
}

/* --- the document ------------------------------------------------------------------------------- */

static int next_two(struct reader *r)
{
	int one = next(r);
	return one < 0 ? one : next(r);
}

static const struct yaml_node *document(struct reader *r)
{
	if (next_two(r) < 0) /* the stream, then a document or its end */
		return NULL;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return node_new(r, YAML_NULL);
	const struct yaml_node *root = next(r) < 0 ? NULL : value(r, 1);
	if (!root || next_two(r) < 0) /* the document's end, the stream's */
		return NULL;
	if (r->event.type != YAML_STREAM_END_EVENT) {
		fail(r, r->event.start_mark, "more than one document");
		return NULL;
	}
	return root;
}

const struct yaml_node *yaml_read(const char *text, size_t n, struct arena *a, struct err *e)
{
	struct reader r = { .arena = a, .e = e, .seed = clock_jitter(UINT64_MAX) };
	if (n > YAML_BYTES_MAX) {
		err_set(e, E2BIG, "1:1: %zu bytes, at most %d", n, YAML_BYTES_MAX);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		err_set(e, ENOMEM, "1:1: out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
	const struct yaml_node *root = document(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return root;
}
