/* One service of a job: its image, and the sandbox beside the job's in which it runs. */
#ifndef EXECUTOR_SERVICE_BOX_H
#define EXECUTOR_SERVICE_BOX_H

#include "base/loop.h"
#include "executor/service.h"
#include "executor/service_health.h"
#include "executor/service_log.h"
#include "executor/worker_image.h"
#include "executor/workflow_container.h"

struct service_box {
	struct worker *w;
	struct worker_image image;
	const struct workflow_container *how; /* of a workflow; NULL of another job */
	const char *name;
	bool absent; /* all its names are another's */
	unsigned bad_names;
	size_t nports;
	unsigned ports[SERVICE_PORTS]; /* by which it is known to be up */
	struct service_health health;
	int init, pidfd, environ; /* environ: its variables, for others than its command */
	const char *cwd;
	struct source control, output;
	struct service_log log;
	bool ready, started; /* its init has; its command has */
	bool listed;         /* its init has answered about the ports */
	unsigned answers;    /* the port that does; 0 none does yet */
	bool ended, failed;  /* failed: it never ran */
	char end[256];       /* how it ended, or why it did not begin */
};

/* Begin it: its image is here, and the job's sandbox. What becomes of it, the loop hears. */
int service_box_begin(struct service_box *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* End it, whatever it does; its log is whole then. */
void service_box_end(struct service_box *s) __attribute__((nonnull));

#endif
