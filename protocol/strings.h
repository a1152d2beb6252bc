/* A JSON array of strings, for those who may not see a JSON library. */
#ifndef PROTOCOL_STRINGS_H
#define PROTOCOL_STRINGS_H

#include "base/err.h"

#include <stddef.h>

/*
 * Call each for every string of the array in text, in order; a string holds no NUL. -1 when text is no
 * array of strings, with the index of what is none and never with a value, or when each returned -1.
 */
int json_strings_parse(const char *text, size_t n,
		       int (*each)(void *arg, const char *s, size_t len, struct err *e), void *arg,
		       struct err *e) __attribute__((nonnull(1, 3, 5), warn_unused_result));

#endif
