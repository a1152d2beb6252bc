/* JSON of fromJSON and of context files. What is read is within its limits, every member is found by
 * its key, and what is written reads back as the same; an error has a place. */
#include "executor/expr_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEMORY = 64 << 20, OUT = 16 << 20 };

static void check(const struct expr_value *v, int depth)
{
	if (depth > EXPR_JSON_DEPTH + 1)
		abort();
	if (v->kind == EXPR_STRING && v->text[v->n] != '\0')
		abort();
	for (size_t i = 0; v->kind == EXPR_ARRAY && i < v->n; i++)
		check(v->items[i], depth + 1);
	for (size_t i = 0; v->kind == EXPR_OBJECT && i < v->n; i++) {
		const struct expr_pair *p = &v->pairs[i];
		if (expr_object_get(v, p->key, p->n) != p->value)
			abort();
		check(p->value, depth + 1);
	}
}

static void again(const struct expr_value *v)
{
	struct err e = { 0 };
	struct arena a = ARENA(MEMORY);
	autobuf once = BUF(OUT), twice = BUF(OUT);
	if (expr_json_write(&once, v, &e) < 0)
		return;
	const struct expr_value *read = expr_json_read(once.p, once.len, &a, &e);
	if (!read && !strstr(e.msg, "memory limit"))
		abort();
	if (read && (expr_json_write(&twice, read, &e) < 0 || twice.len != once.len ||
		     memcmp(twice.p, once.p, once.len) != 0))
		abort();
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	struct arena a = ARENA(MEMORY);
	const char *text = n ? (const char *)data : "";
	if (n > 1 << 20)
		return 0;
	const struct expr_value *v = expr_json_read(text, n, &a, &e);
	if (v) {
		check(v, 1);
		again(v);
	} else if (strncmp(e.msg, "line ", 5) != 0 && !strstr(e.msg, "memory limit")) {
		abort();
	}
	arena_done(&a);
	return 0;
}
