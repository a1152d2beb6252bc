/*
 * Reading JSON into structs by table, with errors that name the place: "steps[2].timeout: not a
 * number". What is read is copied into an arena; no string is NULL (absent and null are ""), none
 * holds a NUL. Errors never quote a value: it may be a secret.
 */
#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	JSON_DEPTH_MAX = 64,
	JSON_VALUES_MAX = 400000, /* values in one document: each costs memory */
};

/* A document of at most max bytes, JSON_DEPTH_MAX deep, no key twice in an object. The caller owns
 * it (json_auto_t). NULL with e saying where it is wrong. */
json_t *json_read(const char *text, size_t n, size_t max, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Free what json_dumps made: by its own means, which are not always free(3)'s (json_room.h). */
void json_text_free(char *text);

/* A place in a document, on the stack of whoever looks at it. value is NULL where nothing or null
 * is. */
struct json_at {
	const struct json_at *up; /* NULL: the document itself */
	const char *key;          /* NULL: index counts */
	size_t index;
	const json_t *value;
};

struct json_at json_at_key(const struct json_at *up, const char *key) __attribute__((nonnull));
struct json_at json_at_index(const struct json_at *up, size_t index) __attribute__((nonnull));

/* Set e to "path: text" with EINVAL. Always -1. */
int json_at_fail(const struct json_at *at, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull, cold));

/* The value as an object, an array: 0 (value may be NULL), or -1 "not an object". */
int json_at_object(const struct json_at *at, struct err *e) __attribute__((nonnull));
int json_at_array(const struct json_at *at, struct err *e) __attribute__((nonnull));

/* One row of a table: where the member `key` of an object goes in a struct. */
struct json_row {
	const char *key;
	/* 0, or -1 with e naming the place. to is the struct's beginning. */
	int (*take)(const struct json_at *at, const struct json_row *row, void *to, struct arena *a,
		    struct err *e);
	size_t to;         /* offset of the field */
	size_t count;      /* offset of the size_t that counts a list */
	uint64_t min, max; /* a number's range; a text's bytes, a list's items (max 0: no limit) */
	const void *more;  /* json_take_word: words; _object, _list: struct json_table */
};

struct json_table {
	const struct json_row *rows;
	size_t nrows;
	size_t size; /* of an item */
	/* After the rows of one object were taken; NULL: nothing more to do. */
	int (*check)(const struct json_at *at, void *to, struct arena *a, struct err *e);
};

/* Every row of t from the object at `at` into `to`. Members without a row are ignored. */
int json_take(const struct json_at *at, const struct json_table *t, void *to, struct arena *a,
	      struct err *e) __attribute__((nonnull, warn_unused_result));

/* What a row can take. text: const char *, any bytes but NUL. line: no control bytes. word: one of
 * the NULL-terminated words, as an int; "" is the first. flag: bool. u64, unsigned. texts:
 * const char *const * and count. object: the table's rows into the same struct. list: an array of
 * the table's structs, and count. null is "", 0, false, empty; a minimum of 1 makes the member
 * required. */
#define JSON_TAKER(name)                                                                     \
	int json_take_##name(const struct json_at *at, const struct json_row *row, void *to, \
			     struct arena *a, struct err *e)
JSON_TAKER(text);
JSON_TAKER(line);
JSON_TAKER(word);
JSON_TAKER(flag);
JSON_TAKER(u64);
JSON_TAKER(unsigned);
JSON_TAKER(texts);
JSON_TAKER(object);
JSON_TAKER(list);

#endif
