/* The values of a workflow's contexts, for the files that make and change them. */
#ifndef EXECUTOR_WORKFLOW_VALUE_H
#define EXECUTOR_WORKFLOW_VALUE_H

#include "executor/workflow.h"

/* object.key = v, or text. v NULL: it could not be made, e says why. */
int workflow_put(struct workflow *x, struct expr_value *object, const char *key,
		 const struct expr_value *v, struct err *e)
	__attribute__((nonnull(1, 2, 3, 5), warn_unused_result));
int workflow_put_text(struct workflow *x, struct expr_value *object, const char *key,
		      const char *text, struct err *e) __attribute__((nonnull, warn_unused_result));
/* The member; null when there is none. object may be NULL. */
const struct expr_value *workflow_get(const struct expr_value *object, const char *key)
	__attribute__((nonnull(2), returns_nonnull));
/* The context job as it is now. */
int workflow_put_job(struct workflow *x, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The environments of workflow and job. */
int workflow_open_env(struct workflow *x, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
