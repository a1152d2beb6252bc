/*
 * What expressions of GitHub Actions compute with. Values are made in an arena and then only read;
 * null and the two booleans are constants. Text is UTF-8 and may hold NULs.
 */
#ifndef EXECUTOR_EXPR_VALUE_H
#define EXECUTOR_EXPR_VALUE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expr_kind { EXPR_NULL, EXPR_BOOL, EXPR_NUMBER, EXPR_STRING, EXPR_ARRAY, EXPR_OBJECT };

/* A member: its key, n bytes and a '\0'. */
struct expr_pair {
	const char *key;
	size_t n;
	const struct expr_value *value;
};

struct expr_value {
	enum expr_kind kind;
	bool truth;    /* of a bool */
	bool filtered; /* an array that a '*' made: an index goes to each of its items */
	bool exact;    /* an object whose keys are found in their own case only */
	size_t n;      /* bytes, items, pairs */
	union {
		double number;
		const char *text; /* n bytes and a '\0' */
		const struct expr_value **items;
		struct expr_pair *pairs; /* in the order they came */
	};
	size_t room;     /* items or pairs there is memory for */
	uint32_t *index; /* of an object with many pairs: positions + 1 by hash, 2 * room of them */
};

extern const struct expr_value expr_null, expr_false, expr_true, expr_empty;

const struct expr_value *expr_bool(bool truth) __attribute__((returns_nonnull));
/* NULL: the arena is full, e set. s is copied. */
const struct expr_value *expr_number(double d, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));
const struct expr_value *expr_string(const char *s, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* An empty array, an empty object; _add and _set fill it. */
struct expr_value *expr_array_new(struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int expr_array_add(struct expr_value *array, const struct expr_value *item, struct arena *a,
		   struct err *e) __attribute__((nonnull, warn_unused_result));
struct expr_value *expr_object_new(struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The member p->key becomes p->value; a key that is there, in whatever case, keeps its place and its
 * spelling. The key's bytes are kept by reference, with a '\0' behind them. */
int expr_object_set(struct expr_value *object, const struct expr_pair *p, struct arena *a,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* The member's value; NULL when there is none. */
const struct expr_value *expr_object_get(const struct expr_value *object, const char *key, size_t n)
	__attribute__((nonnull));

/* Null, booleans, numbers and strings are. */
bool expr_is_primitive(const struct expr_value *v) __attribute__((nonnull));
/* False are null, false, 0, NaN and ''; everything else, even '0', is true. */
bool expr_is_true(const struct expr_value *v) __attribute__((nonnull));
/* As a number: null 0, booleans 0 and 1, strings by expr_number_parse, arrays and objects NaN. */
double expr_as_number(const struct expr_value *v) __attribute__((nonnull));
/* As a string: null '', true, numbers by expr_number_text, Array, Object. NULL: the arena is full. */
const struct expr_value *expr_as_string(const struct expr_value *v, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* a == b, a < b. Of different kinds both become numbers, but arrays and objects equal only themselves.
 * Strings without regard to case. NaN equals nothing and is less than nothing. */
bool expr_equal(const struct expr_value *a, const struct expr_value *b) __attribute__((nonnull));
bool expr_less(const struct expr_value *a, const struct expr_value *b) __attribute__((nonnull));

#endif
