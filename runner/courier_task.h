/* A job in the courier: offered, accepted, shipped from its journal, reported. */
#ifndef RUNNER_COURIER_TASK_H
#define RUNNER_COURIER_TASK_H

#include "executor/journal.h"
#include "protocol/gitlab_reason.h"
#include "protocol/gitlab_trace.h"
#include "runner/courier_site.h"

enum task_stage {
	TASK_OFFERED,   /* the supervisor was asked */
	TASK_ACCEPTING, /* PUT running is under way */
	TASK_DROPPING,  /* cancelled before it began: told so */
	TASK_SHIPPING,
};

enum { TASK_REASONS = 48, TASK_REASON_MAX = 64 };

struct courier_task {
	struct courier_hub *hub;
	struct courier_site *site;
	struct courier_task *next;
	enum task_stage stage;
	uint64_t cookie, id;
	struct secret token;
	char *reasons; /* what the server knows: words, each '\0'-terminated */
	const char *known[TASK_REASONS];
	size_t nknown;
	bool debug_trace;
	bool refused;       /* the supervisor did not want it: no worker, only a last word */
	int log, events;    /* ours; -1 none */
	struct source bell; /* fd ours; -1: nothing more will come */
	bool armed;
	struct timer due;
	unsigned rings, mute_ms;     /* rings of late; how long the bell is not listened to */
	uint64_t window_ms, rang_ms; /* since when they are counted; the last one */
	struct journal_reader reader;
	struct gitlab_trace trace;
	struct gitlab_next asked;
	struct courier_call call;
	unsigned accept_tries;
	struct timer accept_again;
	uint32_t crc; /* of the first crc_at bytes of the log */
	uint64_t crc_at;
	bool success; /* the verdict */
	char reason[TASK_REASON_MAX];
	int exit_code;
};

/* A payload that s was given: a job is made and the supervisor asked. -1 with e set when the
 * payload does not even say which job it is. */
int task_offer(struct courier_site *s, const char *body, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The supervisor's answer; and a job that it knows from before. The fds are taken over. */
void task_ready(struct courier_hub *h, const struct courier_job_ready *r) __attribute__((nonnull));
void task_adopt(struct courier_hub *h, const struct courier_adopt *a) __attribute__((nonnull));

void task_free_all(struct courier_hub *h) __attribute__((nonnull));

/* --- courier_ship.c --- */

/* Do what is due: send, wait, report. To be called when anything changed. */
void task_ship(struct courier_task *j) __attribute__((nonnull));

/* Forget it: fds closed, the site told. */
void task_free(struct courier_task *j) __attribute__((nonnull));

/* Start watching what task_ready or task_adopt brought. */
void task_watch(struct courier_task *j) __attribute__((nonnull));

#endif
