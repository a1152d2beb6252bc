/* UTF-8 (RFC 3629) at the edge of the log: GitLab counts and checks what is valid. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* U+FFFD, what an invalid byte becomes. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The length of the well-formed sequence at s, 1-4; 0 when the first byte starts none. n >= 1 bytes
 * are there; a sequence that is cut short by n is not well formed. */
size_t utf8_len(const char *s, size_t n) __attribute__((nonnull));

/* How many of the last bytes of s[0..n) may be the beginning of a sequence that goes on: 0-3. */
size_t utf8_pending(const char *s, size_t n) __attribute__((nonnull));

#endif
