/* SHA-256 of what passes by (libcrypto, which uses the processor's own instructions). */
#ifndef EXECUTOR_DIGEST_H
#define EXECUTOR_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX = 65 }; /* DIGEST_HEX: with its '\0' */

struct digest;

/* NULL with e set. One is used for many messages: digest_end starts the next. */
struct digest *digest_new(struct err *e) __attribute__((nonnull, warn_unused_result));
void digest_free(struct digest *d);

int digest_add(struct digest *d, const void *p, size_t n, struct err *e)
	__attribute__((nonnull(1, 4), warn_unused_result));
int digest_end(struct digest *d, uint8_t ret[DIGEST_SIZE], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Of 64 digits and nothing more; false for anything else. */
bool digest_from_hex(const char *hex, uint8_t ret[DIGEST_SIZE]) __attribute__((nonnull));

/* In lower case hex. */
void digest_hex(const uint8_t digest[DIGEST_SIZE], char ret[DIGEST_HEX]) __attribute__((nonnull));

#endif
