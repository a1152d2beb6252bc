/* One call to a coordinator: a request, sent again as long as the server asks for patience. */
#ifndef RUNNER_COURIER_CALL_H
#define RUNNER_COURIER_CALL_H

#include "protocol/forge.h"
#include "protocol/forge_retry.h"
#include "protocol/http.h"
#include "runner/courier_hub.h"

/* Embedded in its owner, zeroed. The owner fills request and broken, patient, done and body_fd (the
 * log, where the request names a region of it) and calls call_start. */
struct courier_call {
	struct forge_request request;
	bool broken; /* the request could not be built: built says why, and done will */
	struct err built;
	bool patient; /* answers that ask for patience get it; else every answer stands */
	int body_fd;
	enum hub_call kind;
	/* The answer that stands; status 0 for a transport error. The call is at rest again: done
	 * may start it anew or free its owner. */
	void (*done)(struct courier_call *c, const struct http_reply *r);

	struct courier_hub *hub; /* private from here on */
	struct http *http;
	struct http_request wire;
	const char *headers[FORGE_HEADERS];
	struct forge_retry retry;
	struct timer again;
	bool active;
};

/* Send it; done is called from the loop in any case. Takes c->request over. */
void call_start(struct courier_call *c, struct courier_hub *hub, struct http *http)
	__attribute__((nonnull));

/* done is not called. Safe at any time. */
void call_cancel(struct courier_call *c) __attribute__((nonnull));

#endif
