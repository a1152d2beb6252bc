/* What a supervisor of a later life has to know of a job: STATE/jobs/NAME/meta, mode 0600, written
 * before the job is accepted and never changed. It holds the job's token. */
#ifndef RUNNER_META_H
#define RUNNER_META_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdint.h>

struct meta {
	const char *kind;         /* "forge" or "exec" */
	const char *registration; /* its name in the configuration */
	const char *forge;        /* what kind of server that is */
	const char *token, *reasons, *project;
	/* where its end is told when the registration is gone from the configuration */
	const char *url, *ca_file, *cert_file, *key_file, *proxy, *no_proxy;
	uint64_t job_id, project_id, debug_trace, slot;
};

int meta_write(const struct meta *m, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Unknown keys are ignored: a newer courser may have written it. Strings live in a. */
int meta_read(const char *text, struct arena *a, struct meta *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
