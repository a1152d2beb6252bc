/* The forms in which tools print a value: quoted, escaped, percent-encoded, in base64 and in hex. */
#ifndef EXECUTOR_REDACT_VARIANTS_H
#define EXECUTOR_REDACT_VARIANTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The two ways in which text is read: with each run of white space as one space, and without any. */
enum redact_lane { LANE_TEXT, LANE_DENSE, LANES };

/* Where variants go. The bytes are lent for the call. */
struct variant_sink {
	int (*take)(struct variant_sink *to, enum redact_lane lane, const char *p, size_t n,
		    struct err *e);
};

/* Every literal form of the value but the value itself; forms may repeat. -1: out of memory, or what
 * the sink returned. */
int variants_quoted(struct variant_sink *to, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* base64 in both alphabets at all three offsets, of the bytes and of them as UTF-16LE, and hex: only
 * characters that the value alone determines. */
int variants_encoded(struct variant_sink *to, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
