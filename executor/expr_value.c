#include "executor/expr_value.h"

#include "executor/expr_number.h"
#include "executor/fold.h"

#include <errno.h>
#include <math.h>
#include <string.h>

const struct expr_value expr_null = { .kind = EXPR_NULL };
const struct expr_value expr_false = { .kind = EXPR_BOOL };
const struct expr_value expr_true = { .kind = EXPR_BOOL, .truth = true };
const struct expr_value expr_empty = { .kind = EXPR_STRING, .text = "" };

/* More than this many pairs are found by their hash. */
enum { FIRST_ROOM = 4, INDEXED = 8 };

const struct expr_value *expr_bool(bool truth)
{
	return truth ? &expr_true : &expr_false;
}

static struct expr_value *value_of(enum expr_kind kind, struct arena *a, struct err *e)
{
	struct expr_value *v = arena_new(a, struct expr_value, e);
	if (v)
		v->kind = kind;
	return v;
}

const struct expr_value *expr_number(double d, struct arena *a, struct err *e)
{
	struct expr_value *v = value_of(EXPR_NUMBER, a, e);
	if (v)
		v->number = d;
	return v;
}

const struct expr_value *expr_string(const char *s, size_t n, struct arena *a, struct err *e)
{
	struct expr_value *v = value_of(EXPR_STRING, a, e);
	const char *copy = v ? arena_strndup(a, s, n, e) : NULL;
	if (!copy)
		return NULL;
	v->text = copy;
	v->n = n;
	return v;
}

struct expr_value *expr_array_new(struct arena *a, struct err *e)
{
	return value_of(EXPR_ARRAY, a, e);
}

struct expr_value *expr_object_new(struct arena *a, struct err *e)
{
	return value_of(EXPR_OBJECT, a, e);
}

/* Twice the room, for elements of that size: the new memory with the old content. */
static void *more_room(struct expr_value *v, const void *old, size_t size, struct arena *a,
		       struct err *e)
{
	size_t room = v->room ? v->room * 2 : FIRST_ROOM;
	void *p = arena_array(a, room, size, e);
	if (!p)
		return NULL;
	if (v->n)
		memcpy(p, old, v->n * size);
	v->room = room;
	return p;
}

int expr_array_add(struct expr_value *array, const struct expr_value *item, struct arena *a,
		   struct err *e)
{
	if (array->n == array->room) {
		void *p = more_room(array, array->items, sizeof(struct expr_value *), a, e);
		if (!p)
			return -1;
		array->items = p;
	}
	array->items[array->n++] = item;
	return 0;
}

static uint32_t seed_of(const struct expr_value *object)
{
	return (uint32_t)((uintptr_t)object >> 4);
}

static bool same_key(const struct expr_value *object, const struct expr_pair *p, const char *key,
		     size_t n)
{
	if (p->n == n && memcmp(p->key, key, n) == 0)
		return true;
	return !object->exact && fold_equal(p->key, p->n, key, n);
}

/* Where the index has the key, or its empty place. */
static uint32_t *slot_of(const struct expr_value *object, const char *key, size_t n)
{
	size_t mask = 2 * object->room - 1;
	size_t at = fold_hash(key, n, seed_of(object)) & mask;
	while (object->index[at] &&
	       !same_key(object, &object->pairs[object->index[at] - 1], key, n))
		at = (at + 1) & mask;
	return &object->index[at];
}

static struct expr_pair *pair_of(const struct expr_value *object, const char *key, size_t n)
{
	if (object->index) {
		uint32_t found = *slot_of(object, key, n);
		return found ? &object->pairs[found - 1] : NULL;
	}
	for (size_t i = 0; i < object->n; i++)
		if (same_key(object, &object->pairs[i], key, n))
			return &object->pairs[i];
	return NULL;
}

static int grow_object(struct expr_value *object, struct arena *a, struct err *e)
{
	void *p = more_room(object, object->pairs, sizeof *object->pairs, a, e);
	if (!p)
		return -1;
	object->pairs = p;
	if (object->room <= INDEXED)
		return 0;
	object->index = arena_array(a, 2 * object->room, sizeof *object->index, e);
	if (!object->index)
		return -1;
	for (size_t i = 0; i < object->n; i++)
		*slot_of(object, object->pairs[i].key, object->pairs[i].n) = (uint32_t)i + 1;
	return 0;
}

int expr_object_set(struct expr_value *object, const struct expr_pair *p, struct arena *a,
		    struct err *e)
{
	struct expr_pair *there = pair_of(object, p->key, p->n);
	if (there) {
		there->value = p->value;
		return 0;
	}
	if (object->n == UINT32_MAX / 4)
		return err_set(e, E2BIG, "an object has too many members");
	if (object->n == object->room && grow_object(object, a, e) < 0)
		return -1;
	object->pairs[object->n++] = *p;
	if (object->index)
		*slot_of(object, p->key, p->n) = (uint32_t)object->n;
	return 0;
}

const struct expr_value *expr_object_get(const struct expr_value *object, const char *key, size_t n)
{
	const struct expr_pair *p = pair_of(object, key, n);
	return p ? p->value : NULL;
}

/* --- one kind as another -------------------------------------------------------------------------- */

bool expr_is_primitive(const struct expr_value *v)
{
	return v->kind < EXPR_ARRAY;
}

bool expr_is_true(const struct expr_value *v)
{
	if (v->kind == EXPR_NULL || v->kind == EXPR_BOOL)
		return v->truth;
	if (v->kind == EXPR_NUMBER)
		return v->number != 0 && !isnan(v->number);
	return v->kind != EXPR_STRING || v->n > 0;
}

double expr_as_number(const struct expr_value *v)
{
	if (v->kind == EXPR_NULL || v->kind == EXPR_BOOL)
		return v->truth;
	if (v->kind == EXPR_NUMBER)
		return v->number;
	return v->kind == EXPR_STRING ? expr_number_parse(v->text, v->n) : (double)NAN;
}

const struct expr_value *expr_as_string(const struct expr_value *v, struct arena *a, struct err *e)
{
	static const struct expr_value words[] = {
		{ .kind = EXPR_STRING, .text = "false", .n = 5 },
		{ .kind = EXPR_STRING, .text = "true", .n = 4 },
		{ .kind = EXPR_STRING, .text = "Array", .n = 5 },
		{ .kind = EXPR_STRING, .text = "Object", .n = 6 },
	};
	char number[EXPR_NUMBER_TEXT];
	if (v->kind == EXPR_STRING)
		return v;
	if (v->kind == EXPR_NULL)
		return &expr_empty;
	if (v->kind == EXPR_NUMBER)
		return expr_string(number, expr_number_text(v->number, number), a, e);
	return &words[v->kind == EXPR_BOOL ? v->truth : v->kind == EXPR_ARRAY ? 2 : 3];
}

/* Both of a pair that is compared, with what they are as numbers when they are compared as such. */
struct compared {
	const struct expr_value *a, *b;
	bool same, numbers;
	double x, y;
};

static struct compared compared_of(const struct expr_value *a, const struct expr_value *b)
{
	struct compared c = { .a = a, .b = b, .same = a->kind == b->kind };
	c.numbers = c.same ? a->kind == EXPR_NUMBER : expr_is_primitive(a) && expr_is_primitive(b);
	if (c.numbers) {
		c.x = expr_as_number(a);
		c.y = expr_as_number(b);
	}
	return c;
}

bool expr_equal(const struct expr_value *a, const struct expr_value *b)
{
	struct compared c = compared_of(a, b);
	if (c.numbers)
		return c.x >= c.y && c.x <= c.y;
	if (!c.same)
		return false;
	if (a->kind == EXPR_STRING)
		return fold_equal(a->text, a->n, b->text, b->n);
	return expr_is_primitive(a) ? a->truth == b->truth : a == b;
}

bool expr_less(const struct expr_value *a, const struct expr_value *b)
{
	struct compared c = compared_of(a, b);
	if (c.numbers)
		return c.x < c.y;
	if (c.same && a->kind == EXPR_STRING)
		return fold_compare(a->text, a->n, b->text, b->n) < 0;
	return c.same && a->kind == EXPR_BOOL && !a->truth && b->truth;
}
