/* The YAML of a workflow with one job, read into data. */
#ifndef PROTOCOL_WORKFLOW_READ_H
#define PROTOCOL_WORKFLOW_READ_H

#include "base/buf.h"
#include "protocol/job_workflow.h"
#include "protocol/yaml.h"

/* What a reader gives besides the workflow: of the job. */
struct workflow_read {
	struct job_workflow *workflow;
	const char *key, *name; /* of the job; name: as it is shown */
	unsigned timeout_s;     /* timeout-minutes; 0 none */
	const struct yaml_node *strategy;
};

/* -1 with e as "line:col: what". Odd YAML where nothing depends on it (`on: ''`, null for a mapping) is
 * no error. */
int workflow_read(const char *text, size_t n, struct arena *a, struct workflow_read *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* The contexts matrix (one value a key, as the server leaves it) and strategy as JSON. */
int workflow_matrix_json(const struct yaml_node *strategy, struct buf *out, struct err *e)
	__attribute__((nonnull(2, 3), warn_unused_result));
int workflow_strategy_json(const struct yaml_node *strategy, struct buf *out, struct err *e)
	__attribute__((nonnull(2, 3), warn_unused_result));

#endif
