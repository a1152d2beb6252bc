/* What the readers of workflows and actions share: members of mappings as texts, refusals with their
 * place, steps. */
#ifndef PROTOCOL_WORKFLOW_PART_H
#define PROTOCOL_WORKFLOW_PART_H

#include "base/arena.h"
#include "protocol/job_workflow.h"
#include "protocol/yaml.h"

/* A reading under way. refusal: the first thing that cannot be done, with its place; "" none yet. */
struct workflow_reading {
	struct arena *a;
	struct job_workflow *w; /* NULL: it is an action */
	const char *refusal;
	struct err *e;
};

/* -1, with "line:col: what". */
int workflow_fail(struct workflow_reading *r, const struct yaml_node *at, const char *what)
	__attribute__((nonnull));
/* Note that it cannot be done; the first is what is said. -1: out of memory. */
int workflow_refuse(struct workflow_reading *r, const struct yaml_node *at, const char *what)
	__attribute__((nonnull, warn_unused_result));

/* Keys that this version does not do. */
struct workflow_refused {
	const char *key, *why;
};
int workflow_refuse_keys(struct workflow_reading *r, const struct yaml_node *map,
			 const struct workflow_refused *keys, size_t n)
	__attribute__((nonnull(1), warn_unused_result));

/* A mapping's member; NULL when it is absent, null or an empty string. map may be NULL. */
const struct yaml_node *workflow_member(const struct yaml_node *map, const char *key)
	__attribute__((nonnull(2)));
/* A scalar as a text, line 0 when it is not there. map may be NULL. */
int workflow_take_text(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		       struct job_text *ret) __attribute__((nonnull(1, 3, 4), warn_unused_result));
/* A mapping of scalars: env, with, outputs. map may be NULL. */
int workflow_take_map(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		      struct job_env *ret) __attribute__((nonnull(1, 3, 4), warn_unused_result));

/* A list of at most 64 texts, or one alone. map may be NULL. */
int workflow_take_list(struct workflow_reading *r, const struct yaml_node *map, const char *key,
		       const struct job_text **ret, size_t *ret_n)
	__attribute__((nonnull(1, 3, 4, 5), warn_unused_result));

/* A list of steps, at most 256. */
int workflow_take_steps(struct workflow_reading *r, const struct yaml_node *list,
			const struct job_run **ret, size_t *ret_n)
	__attribute__((nonnull, warn_unused_result));

/* `container:` of the job, and its `services:`. */
int workflow_take_containers(struct workflow_reading *r, const struct yaml_node *job)
	__attribute__((nonnull, warn_unused_result));

#endif
