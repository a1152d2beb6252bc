/* Text without regard to case, as GitHub compares it: .NET's OrdinalIgnoreCase, every character by its
 * own simple upper case (Unicode 15), never a language's rules: "ß" stays "ß", "ı" stays "ı". */
#ifndef EXECUTOR_FOLD_H
#define EXECUTOR_FOLD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a[0..an) and b[0..bn), UTF-8, differ in case only. A byte that is not well formed equals
 * itself. */
bool fold_equal(const char *a, size_t an, const char *b, size_t bn) __attribute__((nonnull));

/* Their order: < 0, 0, > 0. By UTF-16 units, as there: U+1F600 is before U+FFFD. */
int fold_compare(const char *a, size_t an, const char *b, size_t bn) __attribute__((nonnull));

/* A hash that is the same for what is equal. */
uint32_t fold_hash(const char *s, size_t n, uint32_t seed) __attribute__((nonnull));

/* s in upper case appended: at most FOLD_GROWTH times as many bytes. */
enum { FOLD_GROWTH = 2 };
int fold_upper(struct buf *out, const char *s, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The length of the white space character (Unicode's, as .NET counts it) at s[0..n): 0 when there is
 * none. */
size_t fold_space(const char *s, size_t n) __attribute__((nonnull));

#endif
