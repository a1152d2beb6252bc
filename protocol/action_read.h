/* An action.yml, read into data. */
#ifndef PROTOCOL_ACTION_READ_H
#define PROTOCOL_ACTION_READ_H

#include "base/arena.h"
#include "protocol/job_action.h"

/* NULL with e as "line:col: what". */
const struct job_action *action_read(const char *text, size_t n, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
