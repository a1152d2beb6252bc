/*
 * The services of a job, as its worker holds them: each has its image, a sandbox beside the job's in the same
 * network, and a process that runs as long as the job. They are had and begun in this order.
 */
#ifndef EXECUTOR_WORKER_SERVICE_H
#define EXECUTOR_WORKER_SERVICE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct worker;
struct service_box;
struct msg;

struct workflow;
struct workflow_container;

struct worker_services {
	struct service_box *list;
	size_t n;
	/* of a workflow with containers (worker_containers.h), else NULL: its contexts; its own container, NULL
	 * none; how each of the job's services is used; what is to be said about them, a line each */
	struct workflow *scope;
	const struct workflow_container *own, *how;
	const char *remarks;
	struct action_image *actions; /* images of actions that are here (worker_flow_image.c) */
	const char *aliases;          /* of all, with spaces between */
	uint64_t begun_ms;
};

/* What they are called; once the variables are known. -1 (EINVAL): what the job asks for cannot be. */
int worker_services_name(struct worker *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Have their images here. -1: the verdict is set. */
int worker_services_get(struct worker *w) __attribute__((nonnull, warn_unused_result));

/* Begin them, in the network of the job's sandbox, which is there; nobody waits for them yet. -1: the verdict is
 * set. */
int worker_services_start(struct worker *w) __attribute__((nonnull, warn_unused_result));

/* Wait until each answers on one of its ports, or has had its time: then it is said. -1: the verdict is set. */
int worker_services_wait(struct worker *w) __attribute__((nonnull, warn_unused_result));

/* End them, whatever they do. */
void worker_services_close(struct worker *w) __attribute__((nonnull));

/* When the job has failed: which of them had ended before it. */
void worker_services_report(struct worker *w) __attribute__((nonnull));

/* For a new supervisor: the pidfds of their inits, as many as m has room for. */
void worker_services_hello(const struct worker *w, struct msg *m) __attribute__((nonnull));

#endif
