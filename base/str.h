/* Numbers, durations, sizes and safe text: how values are read from people and shown to them. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole decimal number, nothing before or after, 0..max. False otherwise; *ret is untouched. */
bool str_u64(const char *s, uint64_t max, uint64_t *ret) __attribute__((nonnull));

/*
 * A duration in milliseconds: Go's form ("1h30m", "1.5s", "250ms") or a bare number, which counts
 * units of bare_ms milliseconds (gitlab-runner: seconds = 1000). False when malformed or > 10 years.
 */
bool str_duration(const char *s, uint64_t bare_ms, uint64_t *ret_ms) __attribute__((nonnull));

/* A size in bytes: "64KiB", "4MiB", "1GiB", "10MB", "512B", or a bare number of bare_bytes units. */
bool str_size(const char *s, uint64_t bare_bytes, uint64_t *ret) __attribute__((nonnull));

/* "true/false/yes/no/on/off/1/0" and Go's ParseBool forms, any case. */
bool str_bool(const char *s, bool *ret) __attribute__((nonnull));

/* As Go prints a duration: "1h0m0s", "1m30s", "2.5s", "120ms". out has at least 32 bytes. */
void str_duration_text(uint64_t ms, char *out, size_t size) __attribute__((nonnull));

/* n in decimal into out (STR_NUM bytes); returns out. For log fields. */
enum { STR_NUM = 24 };
const char *str_num(char *out, uint64_t n) __attribute__((nonnull, returns_nonnull));

/* No control bytes (0x00-0x1f, 0x7f) among the n bytes. */
bool str_is_printable(const char *s, size_t n) __attribute__((nonnull));

bool str_starts(const char *s, const char *prefix) __attribute__((nonnull, pure));
bool str_ends(const char *s, const char *suffix) __attribute__((nonnull, pure));

/* s[0..n) appended as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
int str_json(struct buf *b, const char *s, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* s appended as a logfmt value: bare if it has no space, quote, '=' or control byte, else quoted
 * with C escapes. str_unquote reads it back: *s is moved behind the value. False if malformed. */
int str_quote(struct buf *b, const char *s, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
bool str_unquote(const char **s, struct buf *ret) __attribute__((nonnull));

/* The word of names[0..n) nearest to s by edit distance, for "did you mean": NULL when none is near
 * (more than a third of its letters differ). */
const char *str_nearest(const char *s, const char *const *names, size_t n)
	__attribute__((nonnull(1)));

#endif
