/* What the wire half of every forge deals in: a request that is built and not sent, a job that was
 * offered, what a registration gave. Who sends and receives them knows no forge. */
#ifndef PROTOCOL_FORGE_H
#define PROTOCOL_FORGE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	FORGE_HEADERS = 6,
	FORGE_HEADER_MAX = 600,
	FORGE_TOKEN_MAX = 512,
	FORGE_TEXT_MAX = 300,
	FORGE_REASONS_MAX = 1024,
};

/* A request. url, headers and body hold tokens: forge_request_done wipes them. */
struct forge_request {
	const char *method; /* static */
	struct buf url, body;
	char *header[FORGE_HEADERS]; /* heap: a request at rest is small */
	unsigned nheaders;
	uint64_t off, len; /* the region of the log that is the body; body is empty then */
	unsigned timeout_ms, stall_ms;
	size_t max_answer;
};

/* "name: value" behind the others. -1 with e set: too long, or a byte that cannot be sent. */
int forge_request_header(struct forge_request *r, const char *name, const char *value,
			 struct err *e) __attribute__((nonnull, warn_unused_result));
void forge_request_done(struct forge_request *r) __attribute__((nonnull));

/* "courser/1.2.3 (linux/amd64)" */
const char *forge_user_agent(void) __attribute__((returns_nonnull));

/* What the courier must know of a job that it was given; the payload itself goes to the worker. */
struct forge_offer {
	uint64_t id, project_id;
	char token[FORGE_TOKEN_MAX]; /* in whose name the job is spoken of */
	char project_path[FORGE_TEXT_MAX];
	char reasons
		[FORGE_REASONS_MAX]; /* failure reasons that the server knows, comma-separated */
	bool protected_ref, from_fork, debug_trace;
	uint32_t timeout_s; /* 0: not named */
};

/* What registering, verifying and resetting a token give. id 0 and token "" when the answer has none;
 * expires: seconds since 1970, 0 never. */
struct forge_identity {
	uint64_t id, expires;
	bool ephemeral; /* it is for one job */
	char token[FORGE_TOKEN_MAX];
};

#endif
