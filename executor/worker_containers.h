/* `container:` and `services:` of a workflow job become its image and its services (worker_service.h). */
#ifndef EXECUTOR_WORKER_CONTAINERS_H
#define EXECUTOR_WORKER_CONTAINERS_H

#include "executor/redact.h"
#include "executor/workflow_container.h"

struct worker;

/* Evaluate them, once it is known where the job's directories are: w->job and w->services say what they say. */
int worker_containers(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The contexts of the job's workflow: those that its containers were evaluated in, or new ones. */
int worker_scope(struct worker *w, struct workflow *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The directories of c's volumes for the gate, a line each; c may be NULL. NULL with e set. */
const char *worker_folders(struct worker *w, const struct workflow_container *c, struct err *e)
	__attribute__((nonnull(1, 3), warn_unused_result));

/* Their passwords are masked. */
int worker_containers_mask(const struct worker *w, struct redact_set *set, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
