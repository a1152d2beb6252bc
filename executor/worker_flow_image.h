/* Actions that are images: each runs in a sandbox of its own beside the job's, in its network and with its tree. */
#ifndef EXECUTOR_WORKER_FLOW_IMAGE_H
#define EXECUTOR_WORKER_FLOW_IMAGE_H

#include "executor/worker_flow.h"
#include "executor/words.h"

struct flow_image {
	const char *name;
	struct words entrypoint,
		args; /* n 0: the image's; an entrypoint has no args of the image */
	/* What its environment has beyond that of any step. */
	int (*variables)(struct flow_step *s, const void *arg, struct err *e);
	const void *arg;
};

/* Have the image here, once for all that use it. NULL with e, whose code worker_uses_ending knows. */
const struct worker_image *flow_image_get(struct worker *w, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* 0: it ran or could not be started; see s->end. -1: the machine failed. */
int flow_image_run(struct flow_step *s, const struct flow_image *i, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
