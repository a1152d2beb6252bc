/* Feature flags: GitLab's FF_ variables that change something here. Others pass through unseen. */
#ifndef EXECUTOR_FLAGS_H
#define EXECUTOR_FLAGS_H

#include "executor/vars.h"

#include <stdbool.h>

/* Define every flag with its default: before the job's variables, which may say otherwise. */
int flags_define(struct vars *v, struct err *e) __attribute__((nonnull, warn_unused_result));

/* After the job's variables: the operator's choice ("NAME=true" lines of config) outweighs the job's,
 * and a flag that is not a boolean goes back to its default, with a line in warnings. */
int flags_check(struct vars *v, const char *config, struct buf *warnings, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether the flag is on. name is one of the table's. */
bool flags_on(const struct vars *v, const char *name) __attribute__((nonnull));

#endif
