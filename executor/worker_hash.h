/* hashFiles() of expressions. */
#ifndef EXECUTOR_WORKER_HASH_H
#define EXECUTOR_WORKER_HASH_H

#include "executor/digest.h"
#include "executor/expr.h"
#include "executor/worker.h"

/* For expr_scope.hash_files. */
int worker_hash(void *worker, const struct expr_patterns *p, char ret[DIGEST_HEX], struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
