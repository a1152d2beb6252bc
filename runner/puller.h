/* Bringing one image's blobs into the store, and saying what the image is. */
#ifndef RUNNER_PULLER_H
#define RUNNER_PULLER_H

#include "executor/image.h"
#include "executor/image_store.h"
#include "runner/puller_settings.h"

struct puller {
	struct http *http;
	struct loop *loop;
	const struct puller_settings *settings;
	struct image_store store; /* of it, only dir, blobs, diffs and images are open */
	void (*say)(void *arg, const char *line);
	void *arg;
};

struct puller_request {
	const char *name, *platform;
	const char *auth,
		*job_auth; /* what the job says before the operator, and what counts after */
};

/* Fetch what is absent; record is appended to. -1: *ret_fault says of what kind. */
struct puller_result {
	struct buf *record;
	bool private;
	enum image_fault fault;
};
int puller_run(struct puller *p, const struct puller_request *q, struct arena *a,
	       struct puller_result *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
