/* A piece of text without white space, NULs and escapes, and the way back to where its bytes stood. */
#ifndef EXECUTOR_REDACT_DENSE_H
#define EXECUTOR_REDACT_DENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DENSE_BLOCK = 8192, DENSE_CHUNKS = DENSE_BLOCK / 64, DENSE_ESCAPES = 256 };

struct dense_escape {
	uint16_t raw, n; /* offset in the piece, length */
	uint16_t at;     /* bytes of text before it */
	bool csi;
};

enum { DENSE_WRAP = 16 }; /* shortest run of bytes that a program breaks off to wrap it */

/* What a reader of text has before a byte. */
struct dense_back {
	uint8_t byte; /* ' ' for white space */
	uint8_t run;  /* bytes since the last white space, DENSE_WRAP for more */
};

struct dense {
	size_t n;                 /* bytes of text */
	size_t raw;               /* bytes of the piece that are covered */
	struct dense_back before; /* the piece */
	size_t nescapes;
	struct dense_escape escapes[DENSE_ESCAPES];
	uint64_t keep[DENSE_CHUNKS + 1], space[DENSE_CHUNKS + 1]; /* a bit a byte of the piece */
	uint16_t start[DENSE_CHUNKS + 1];                         /* bytes of text before each 64 */
	unsigned char text[DENSE_BLOCK + 64];
};

/* Take as much of p[0..n) as fits; before is the caller's; an escape that is not all there is not taken. */
void dense_fill(struct dense *d, const unsigned char *p, size_t n) __attribute__((nonnull));

/* Where byte i of the text stands in the piece, i < n. */
size_t dense_raw(const struct dense *d, size_t i) __attribute__((nonnull));

/* What a reader of text has before byte i of it, i < n. */
struct dense_back dense_before(const struct dense *d, size_t i) __attribute__((nonnull));

#endif
