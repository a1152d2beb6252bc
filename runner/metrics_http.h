/* The recorder's small HTTP server: libmicrohttpd without a thread, on our event loop. */
#ifndef RUNNER_METRICS_HTTP_H
#define RUNNER_METRICS_HTTP_H

#include "base/buf.h"
#include "base/loop.h"

#include <stdbool.h>

struct metrics_page {
	unsigned status;
	const char *type; /* Content-Type */
	struct buf body;
};

struct metrics_site {
	/* Fill ret for GET path; accept: that header, "" for none. -1: e, and the answer is 500. */
	int (*page)(void *arg, const char *path, const char *accept, struct metrics_page *ret,
		    struct err *e);
	void *arg;
};

struct metrics_http;

/* Serve on a listening TCP socket, which is its own from then on. site is copied. NULL with e set. */
struct metrics_http *metrics_http_new(struct loop *l, int listener, const struct metrics_site *site,
				      struct err *e) __attribute__((nonnull, warn_unused_result));
void metrics_http_free(struct metrics_http *h);

#endif
