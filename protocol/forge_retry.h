/* When a call is made again: the layer below every call to a coordinator that asks for patience (pure). */
#ifndef PROTOCOL_FORGE_RETRY_H
#define PROTOCOL_FORGE_RETRY_H

#include "protocol/http.h"

/* Zeroed before a call's first attempt. */
struct forge_retry {
	unsigned attempts; /* answers seen */
	bool pushed_back;  /* a retriable status was among them */
};

enum { FORGE_ATTEMPTS = 5, FORGE_RETRY_CAP_MS = 3600 * 1000 };

/*
 * Whether the same request is to be sent again, and in how many milliseconds: for 408, 429, 500,
 * 502, 503, 504 and >= 512, as RateLimit-ResetTime or Retry-After say (at most an hour), else 100
 * ms doubling with jitter. False: the answer stands. Transport errors stand: who calls knows
 * better.
 */
bool forge_retry_again(struct forge_retry *t, const struct http_reply *r, uint64_t wall_s,
		       uint64_t *ret_ms) __attribute__((nonnull));

/* 2^n * base, at most cap, of which the upper half is random: for whatever is tried again. */
uint64_t forge_backoff_ms(unsigned n, uint64_t base_ms, uint64_t cap_ms);

#endif
