/*
 * A container of a workflow job, its own or a service's, with its expressions evaluated: an image, and how it is
 * used. Pure; memory is the job's arena.
 */
#ifndef EXECUTOR_WORKFLOW_CONTAINER_H
#define EXECUTOR_WORKFLOW_CONTAINER_H

#include "executor/container_options.h"
#include "executor/workflow.h"

enum { WORKFLOW_PORTS = 16, WORKFLOW_VOLUMES = 8 };

/* Known outside as host, which is inside where nothing else is said. */
struct workflow_port {
	unsigned host, inside;
	bool udp;
};

struct workflow_container {
	const char *id;              /* of a service: its key; "" it is the job's own */
	struct job_image image;      /* name "": there is none */
	struct job_credential login; /* user "": none */
	struct container_options options;
	struct workflow_port ports[WORKFLOW_PORTS];
	const char *volumes[WORKFLOW_VOLUMES];      /* where they are within */
	const char *volume_names[WORKFLOW_VOLUMES]; /* "" none */
	size_t nports, nvolumes;
};

/* What c says in the contexts as they are. -1 with e naming the place. The variables of the job's own are the
 * environment of its steps then, and not in the image's. */
int workflow_container(struct workflow *x, const struct job_container *c,
		       struct workflow_container *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* job.container and job.services from now on: own may be NULL; of the n services those that have an image. */
int workflow_put_containers(struct workflow *x, const struct workflow_container *own,
			    const struct workflow_container *services, size_t n, struct err *e)
	__attribute__((nonnull(1, 5), warn_unused_result));

/* "8080:80/tcp". -1: it is none. */
int workflow_port_parse(const char *text, struct workflow_port *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "/path", "name:/path[:mode]". -1: it is none, or wants what is not a container's. */
int workflow_volume_parse(const char *text, struct arena *a, const char **ret_name,
			  const char **ret_path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
