/* Everything that can be read from one fd, redacted, to another. */
#ifndef EXECUTOR_REDACT_STREAM_H
#define EXECUTOR_REDACT_STREAM_H

#include "executor/redact.h"

/* Copy in, from where it stands to its end, to out. Blocking fds. What is certain goes out as it comes
 * in. -1 with e set; out may have got a part then. */
int redact_stream(int in, int out, const struct redact_set *set, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
