/* A growing byte buffer that is born with a limit: an unbounded one cannot be expressed. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>

/* p is NULL until the first byte. len <= cap <= max + 1; the byte at p[len] is always '\0' once p is
 * set, so p can be read as a string where no NUL was added. */
struct buf {
	char *p;
	size_t len, cap, max;
};

/* clang-format off */
#define BUF(limit) { .max = (limit) }
/* clang-format on */

/* Room for n more bytes. -1 past the limit (E2BIG) or out of memory (ENOMEM); b is unchanged. */
int buf_reserve(struct buf *b, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Append n bytes, a string, one byte, or formatted text. -1 as buf_reserve; b is unchanged then. */
int buf_add(struct buf *b, const void *data, size_t n, struct err *e)
	__attribute__((nonnull(1, 4), warn_unused_result));
int buf_str(struct buf *b, const char *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int buf_char(struct buf *b, char c, struct err *e) __attribute__((nonnull, warn_unused_result));
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull, warn_unused_result));

/* Drop the first n bytes (all if n > len). */
void buf_drop(struct buf *b, size_t n) __attribute__((nonnull));

/* The bytes as a string: never NULL, "" when empty. Borrowed until the next call on b. */
const char *buf_cstr(const struct buf *b) __attribute__((nonnull, returns_nonnull));

/* Empty it and keep the memory. */
void buf_clear(struct buf *b) __attribute__((nonnull));

/* Give the memory back; the limit stays. buf_wipe overwrites it first. */
void buf_done(struct buf *b) __attribute__((nonnull));
void buf_wipe(struct buf *b) __attribute__((nonnull));

#define autobuf __attribute__((cleanup(buf_done))) struct buf

#endif
