/* A value that must not be seen: wiped when it goes, and named where it is exposed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

#include <stddef.h>

struct secret {
	char *p;
	size_t n;
};

/* Copy n bytes; what was there is wiped. NULs are allowed. */
int secret_set(struct secret *s, const void *p, size_t n, struct err *e)
	__attribute__((nonnull(1, 4), warn_unused_result));

/* The bytes, '\0'-terminated: "" when unset. The one way to read it, so that uses can be searched. */
const char *secret_expose(const struct secret *s) __attribute__((nonnull, returns_nonnull));

void secret_done(struct secret *s) __attribute__((nonnull));
#define autosecret __attribute__((cleanup(secret_done))) struct secret

#endif
