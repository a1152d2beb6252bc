/* What a courier says to the supervisor; how it is sent is in courier.h. */
#ifndef RUNNER_COURIER_ANSWER_H
#define RUNNER_COURIER_ANSWER_H

#include <stdint.h>

/* reasons (comma list) and debug_trace are for ADOPT later; payload: sealed memfd. */
struct courier_job {
	uint64_t cookie;
	uint32_t idx;
	uint64_t job_id, project_id;
	const char *project_path, *token, *reasons;
	uint32_t protected_ref, from_fork, timeout_s, debug_trace;
	int payload;
};
struct courier_accepted {
	uint64_t cookie;
};
struct courier_dropped {
	uint64_t cookie;
	const char *why;
};
/* graceful=1: after_script still runs ("canceling"); 0: end it now. */
struct courier_cancel {
	uint64_t cookie;
	uint32_t graceful;
};
/* ok=1: the forge has the result (or the job is no longer ours); 0: it could not be delivered. */
struct courier_reported {
	uint64_t cookie;
	uint32_t ok;
	const char *text;
};
struct courier_token {
	uint32_t idx;
	const char *token;
	uint64_t obtained, expires;
};
struct courier_health {
	uint32_t idx, ok;
	const char *text;
};
/* value is added to counter `name`; labels as `key=value,…` of a closed set. */
struct courier_stat {
	const char *name, *labels;
	uint64_t value;
};
/* ok=0: text says why; status: the forge's HTTP status, 0 for none. token "" : unchanged. */
struct courier_result {
	uint64_t cookie;
	uint32_t ok, status;
	uint64_t id, expires;
	const char *token, *text;
	uint32_t ephemeral; /* the server knows that it is for one job */
};

#endif
