/* What a job's filter refused, by the name of the call. */
#ifndef EXECUTOR_DENIALS_H
#define EXECUTOR_DENIALS_H

#include "base/buf.h"
#include "sandbox/sandbox.h"

/* After DENIALS_MAX of them nobody listens any more: the kernel then answers by itself, "unknown", and a job that
 * asks in a loop costs nobody but itself. */
enum { DENIALS_CALLS = 16, DENIALS_MAX = 4096 };

struct denials {
	struct denial {
		char call[SANDBOX_CALL];
		uint32_t times;
	} rows[DENIALS_CALLS];
	size_t n;
	uint32_t total; /* those of further calls included */
};

void denials_add(struct denials *d, const char *call) __attribute__((nonnull));

/* "mount, 3 times; bpf, once"; nothing when there is none. */
int denials_text(const struct denials *d, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
