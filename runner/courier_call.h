/* One call to a coordinator: a request, sent again as long as the server asks for patience. */
#ifndef RUNNER_COURIER_CALL_H
#define RUNNER_COURIER_CALL_H

#include "protocol/gitlab_retry.h"
#include "protocol/gitlab_wire.h"
#include "protocol/http.h"
#include "runner/courier_hub.h"

/* Embedded in its owner, zeroed. The owner fills request and broken (gitlab_wire.h), done and
 * body_fd (the log, for a trace) and calls call_start. */
struct courier_call {
	struct gitlab_request request;
	bool broken; /* the request could not be built: built says why, and done will */
	struct err built;
	int body_fd;
	enum hub_call kind;
	/* The answer that stands; status 0 for a transport error. The call is at rest again: done
	 * may start it anew or free its owner. */
	void (*done)(struct courier_call *c, const struct http_reply *r);

	struct courier_hub *hub; /* private from here on */
	struct http *http;
	struct http_request wire;
	const char *headers[GITLAB_HEADERS];
	struct gitlab_retry retry;
	struct timer again;
	bool active;
};

/* Send it; done is called from the loop in any case. Takes c->request over. */
void call_start(struct courier_call *c, struct courier_hub *hub, struct http *http)
	__attribute__((nonnull));

/* done is not called. Safe at any time. */
void call_cancel(struct courier_call *c) __attribute__((nonnull));

#endif
