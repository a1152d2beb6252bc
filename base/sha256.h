/* SHA-256 and HMAC for the supervisor, which links no cryptographic library. Not for secrets: its
 * time depends on nothing but length, but nobody has reviewed it for more than that. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

void sha256(const void *data, size_t n, uint8_t ret[SHA256_SIZE]) __attribute__((nonnull));

/* A message and key of at most 256 and 64 bytes: what is needed, and no allocation. */
void sha256_hmac(const char *key, const char *message, uint8_t ret[SHA256_SIZE])
	__attribute__((nonnull));

#endif
