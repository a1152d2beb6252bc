/* What was made beside a tree becomes part of it, by renaming. */
#ifndef EXECUTOR_STAGE_H
#define EXECUTOR_STAGE_H

#include "base/err.h"

#include <stddef.h>

/* Move everything in the directory from into to, on the same file system: directories that are in both
 * are merged, files and links replace files and links. A directory never replaces something else, nor
 * something else a directory: those are counted in ret_kept and stay in from. */
int stage_commit(int from, int to, size_t *ret_kept, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
