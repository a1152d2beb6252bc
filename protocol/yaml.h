/*
 * YAML as a tree, YAML 1.2 core schema ("on" and "yes" are strings), with caps on size, depth,
 * number of nodes and what aliases expand to. Merge keys are resolved; a key twice in a mapping is
 * an error. Every node knows where it stands. All memory is the arena's.
 */
#ifndef PROTOCOL_YAML_H
#define PROTOCOL_YAML_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	YAML_BYTES_MAX = 4 << 20,
	YAML_DEPTH_MAX = 64,
	YAML_NODES_MAX = 100000, /* with every alias counted as often as it is used */
};

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_STR, YAML_LIST, YAML_MAP };

struct yaml_pair;

/* text: a scalar's value, for NULL to FLOAT as it was written; "" for lists and maps. It holds no
 * NUL. An alias is the same node again, so line and col are where it was defined. */
struct yaml_node {
	enum yaml_kind kind;
	bool plain;         /* a scalar without quotes */
	unsigned line, col; /* of its first character, from 1 */
	unsigned last_line; /* of its last character */
	unsigned end_col;   /* of what follows a scalar, on its last line; 0 for lists and maps */
	unsigned indent;    /* column of its first key or '-', block style only; 0 in flow style */
	const char *text;
	const struct yaml_node *const *items; /* LIST */
	const struct yaml_pair *pairs;        /* MAP; merged pairs come behind its own */
	size_t count;
	size_t weight; /* nodes below it and itself */
};

struct yaml_pair {
	const struct yaml_node *key, *value; /* key is a scalar */
};

/* The one document in text; a NULL node when there is none. NULL with e set to "line:col: text". */
const struct yaml_node *yaml_read(const char *text, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The value of key; NULL: none, or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
	__attribute__((nonnull));

/* What a scalar without quotes is in the core schema. */
enum yaml_kind yaml_plain_kind(const char *text) __attribute__((nonnull));

/* "a string", "a list" … for error texts. */
const char *yaml_kind_name(enum yaml_kind kind) __attribute__((returns_nonnull));

#endif
