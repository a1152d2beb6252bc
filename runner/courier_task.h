/* A job in the courier: offered, accepted, shipped from its journal, reported. */
#ifndef RUNNER_COURIER_TASK_H
#define RUNNER_COURIER_TASK_H

#include "executor/journal.h"
#include "runner/courier_site.h"

enum task_stage {
	TASK_OFFERED,   /* the supervisor was asked */
	TASK_ACCEPTING, /* the forge is told that it is about to run */
	TASK_DROPPING,  /* cancelled before it began: told so */
	TASK_SHIPPING,
};

enum { TASK_REASON_MAX = 64 };

struct courier_task {
	struct courier_hub *hub;
	struct courier_site *site;
	struct courier_task *next;
	enum task_stage stage;
	uint64_t cookie, id;
	struct secret token;
	void *own;     /* the wire's; heap */
	char *reasons; /* what the server knows: words with commas, for the wire to split */
	bool debug_trace;
	bool refused;       /* the supervisor did not want it: no worker, only a last word */
	int log, events;    /* ours; -1 none */
	struct source bell; /* fd ours; -1: nothing more will come */
	bool armed;
	struct timer due;
	unsigned rings, mute_ms;     /* rings of late; how long the bell is not listened to */
	uint64_t window_ms, rang_ms; /* since when they are counted; the last one */
	struct journal_reader reader;
	uint64_t size; /* bytes that the log has */
	bool ended;    /* it will not grow, and the verdict is known */
	struct courier_call call;
	unsigned accept_tries;
	struct timer accept_again;
	bool success; /* the verdict */
	char reason[TASK_REASON_MAX], fault[TASK_REASON_MAX];
	int exit_code;
};

/* A payload that s was given, and what it says: a job is made and the supervisor asked. -1 with e set:
 * it could not be. */
int task_offer(struct courier_site *s, const struct forge_offer *o, const char *body, size_t n,
	       struct err *e) __attribute__((nonnull, warn_unused_result));

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
