/* Two clocks: one that never goes back, one that people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds and microseconds. For durations and timers. */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/* CLOCK_REALTIME in microseconds since the epoch. For logs and journals. */
uint64_t clock_wall_us(void);

/* "2026-01-31T23:59:59.123456Z" into out (CLOCK_TEXT bytes). */
enum { CLOCK_TEXT = 28 };
void clock_text(uint64_t wall_us, char *out) __attribute__((nonnull));

/* A uniformly random number in [0, below) from the kernel's generator; 0 when below is 0. */
uint64_t clock_jitter(uint64_t below);

#endif
