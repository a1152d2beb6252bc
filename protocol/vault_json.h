/* JSON with secrets in it: memory that is wiped, numbers as they were written, strings with NULs. */
#ifndef PROTOCOL_VAULT_JSON_H
#define PROTOCOL_VAULT_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* From now on what jansson frees is overwritten first. Once in a process, before it parses. */
void vault_json_guard(void);

/* An object with no key twice; anything else is NULL with e set, which quotes nothing of the text.
 * Strings and numbers of it are read with the calls below only. json_decref it. */
json_t *vault_json_parse(const char *text, size_t n, struct err *e) __attribute__((nonnull));

/* A string's bytes ('\0'-terminated, borrowed; *n without it), or a number's text. NULL for
 * anything else, v NULL included. */
const char *vault_json_string(const json_t *v, size_t *n) __attribute__((nonnull(2)));
const char *vault_json_number(const json_t *v);

/* The member key of an object as a string without NULs, "" when it is not there or no string; as a
 * whole number, 0 when it is not there or none. */
const char *vault_json_text(const json_t *object, const char *key)
	__attribute__((nonnull(2), returns_nonnull));
uint64_t vault_json_u64(const json_t *object, const char *key) __attribute__((nonnull(2)));

/* The value as a secret is shown: a string as it is, a number as it was written, true, false, an
 * object or array as compact JSON. -1 too deep or too long. null appends nothing. */
int vault_json_value(const json_t *v, struct buf *out, struct err *e)
	__attribute__((nonnull(2, 3), warn_unused_result));

#endif
