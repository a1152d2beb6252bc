/* GitLab in the courier: what its table keeps of a registration, shared by its two files. */
#ifndef RUNNER_COURIER_GITLAB_H
#define RUNNER_COURIER_GITLAB_H

#include "protocol/gitlab_pace.h"
#include "protocol/gitlab_trace.h"
#include "protocol/gitlab_wire.h"
#include "runner/courier_task.h"

struct gitlab_site {
	struct gitlab_pace pace;
	char last_update[256]; /* X-GitLab-Last-Update */
};

enum { GITLAB_KNOWN_REASONS = 48 };

/* … and of a job. */
struct gitlab_task {
	struct gitlab_trace trace;
	struct gitlab_next asked;
	const char *known[GITLAB_KNOWN_REASONS]; /* what the server knows, in the task's reasons */
	size_t nknown;
	uint32_t crc; /* of the first crc_at bytes of the log */
	uint64_t crc_at;
};

/* Who asks, for the builders of requests. Borrowed from s. */
struct gitlab_runner gitlab_site_runner(const struct courier_site *s) __attribute__((nonnull));

/* The half of the table that is about jobs (courier_gitlab_task.c). */
int gitlab_task_state(struct courier_task *j, enum forge_state what, struct forge_request *ret,
		      struct err *e);
enum forge_accept gitlab_task_accepted(struct courier_task *j, const struct http_reply *r);
void gitlab_task_begin(struct courier_task *j, uint64_t now_ms);
void gitlab_task_event(struct courier_task *j, const struct journal_record *r);
struct forge_next gitlab_task_next(struct courier_task *j, uint64_t now_ms);
int gitlab_task_build(struct courier_task *j, struct forge_request *ret, struct err *e);
void gitlab_task_busy(struct courier_task *j);
enum forge_news gitlab_task_heard(struct courier_task *j, uint64_t now_ms,
				  const struct http_reply *r);

const struct forge_verb *gitlab_verb(const char *name, const char *token);

#endif
