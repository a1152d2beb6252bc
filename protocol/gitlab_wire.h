/*
 * What is asked of a GitLab coordinator: every request, built and not sent. The other half, reading
 * the answers, is in gitlab_reply.h; what to do next in gitlab_trace.h, gitlab_pace.h,
 * forge_retry.h.
 */
#ifndef PROTOCOL_GITLAB_WIRE_H
#define PROTOCOL_GITLAB_WIRE_H

#include "protocol/forge.h"

/* Who asks. Borrowed strings, none NULL. url: as url_gitlab_base makes it. */
struct gitlab_runner {
	const char *url, *token, *system_id, *shell;
	const char *last_update; /* "" none yet */
};

/* What a legacy registration may say about the new runner ("" and 0: left out). */
struct gitlab_registration {
	const char *description, *tags, *maintenance_note, *access_level;
	unsigned maximum_timeout;
	bool run_untagged, locked, paused;
};

/* A running job. */
struct gitlab_job {
	uint64_t id;
	const char *token;
	bool debug_trace;
};

/* Each of these overwrites *ret. -1 with e set: out of memory, or a token or other
 * text that cannot be sent. forge_request_done in any case. */
int gitlab_register(const struct gitlab_runner *g, const struct gitlab_registration *r,
		    struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int gitlab_verify(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* manager: only this machine's record of a runner that lives on several. */
int gitlab_unregister(const struct gitlab_runner *g, bool manager, struct forge_request *ret,
		      struct err *e) __attribute__((nonnull, warn_unused_result));
int gitlab_reset_token(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* A long poll: the server may hold it for a minute and more. */
int gitlab_poll(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* PUT jobs/:id. state: "running", "success" or "failed"; reason: as gitlab_reason gave it, "" for
 * none. has_output: crc and size of all trace bytes are sent along. */
struct gitlab_update {
	const char *state, *reason;
	int exit_code; /* left out when 0 */
	bool has_output;
	uint32_t crc;
	uint64_t size;
};
int gitlab_update(const struct gitlab_runner *g, const struct gitlab_job *j,
		  const struct gitlab_update *u, struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* PATCH jobs/:id/trace: len (> 0) bytes of the log from off. */
struct gitlab_span {
	uint64_t off, len;
};
int gitlab_patch(const struct gitlab_runner *g, const struct gitlab_job *j, struct gitlab_span s,
		 struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
