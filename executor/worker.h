/*
 * The worker: one process a job. It parses the payload, asks the supervisor for what it may not do
 * itself, runs the steps in the job's sandbox and writes the journal. It has no network and opens
 * nothing by path.
 *
 * The phases are functions of struct worker in files of their own (worker_*.c); this header is
 * theirs. Others call worker_run.
 */
#ifndef EXECUTOR_WORKER_H
#define EXECUTOR_WORKER_H

#include "base/loop.h"
#include "base/msg.h"
#include "executor/gate.h"
#include "executor/joblog.h"
#include "executor/settings.h"
#include "executor/sources.h"
#include "executor/vars.h"
#include "executor/verdict.h"
#include "executor/worker_box.h"
#include "executor/worker_image.h"
#include "executor/worker_masks.h"
#include "executor/worker_service.h"

/* Why the job's script is to end; the first reason counts, a harder one replaces a softer one. */
enum stop { STOP_NONE, STOP_SCRIPT_TIMEOUT, STOP_CANCEL, STOP_TIMEOUT, STOP_ABORT, STOP_INTERRUPT };

struct worker {
	struct loop *loop;
	struct arena arena;
	struct settings settings;
	const struct forge_job *const *forges; /* all there are, ended by NULL; the first until the
						* settings are read */
	const struct forge_job *forge;
	const struct job *job; /* NULL when the payload cannot be read */
	struct vars *vars;
	struct journal journal;
	struct trace *trace;
	struct redact_set *masks;
	const struct mask *added; /* worker_masks.h */
	struct joblog log;
	struct verdict verdict;

	struct source supervisor, listen;
	bool go;          /* the forge has accepted */
	bool answered;    /* reply holds the answer to the request that is open */
	bool reconnected; /* a new supervisor came while a request was open */
	struct msg reply;
	enum stop stop;
	enum stop until; /* what ends waiting for others; STOP_CANCEL, but not in the last phases */
	struct timer deadline, preparation;
	struct timer orphan; /* the supervisor went before the job could begin */

	struct worker_box box, *here; /* here: that of the step under way */
	struct worker_image image;
	struct worker_services services;
	const char *warnings;                /* about the job's settings, a line each */
	const char *box_notes;               /* what degrades in it, a line each */
	int keeper;                          /* socket, -1 none */
	const char *project_dir, *files_dir; /* inside the sandbox */
	char snapshot[SOURCES_KEY];          /* key of the tree that it needs, "" none */
	const struct worker_remote *remotes; /* the actions that were fetched, the last first */
	unsigned credentials;                /* files with a token that were written */
	bool may_run_after, stepped; /* the steps were reached; a shell of the job has run */
	int *stamps; /* of each cache that was restored (executor/cache_stamps.h), -1 none */

	enum phase phase, charged; /* charged: whose account the time goes to */
	uint64_t phase_since_ms, started_ms;
	uint64_t spent_ms[PHASES];
	bool spent[PHASES];
};

/* Run the job whose fds are ours (executor/gate.h) to its end, which is "end" in the journal. -1
 * only when not even the journal can be written. */
int worker_run(const struct forge_job *const *forges, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* --- the supervisor and the clock (worker_gate.c) ----------------------------------------------- */

int worker_gate_init(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Send request m and pump the loop until it is answered. The answer is in w->reply until the next
 * call. -1 when it was refused (the supervisor's words) or the job is to end (ECANCELED). */
int worker_ask(struct worker *w, struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The same in two halves, so that something can be done meanwhile. */
int worker_ask_send(struct worker *w, const struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int worker_ask_wait(struct worker *w, const struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Pump until *done; -1 (ECANCELED) as soon as the job is to end by at least `until`. */
int worker_wait(struct worker *w, const bool *done, enum stop until, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Pump until fd (-1 none) is readable: 1, or ms have passed: 0; -1 (ECANCELED) when the job is to
 * end. For those who talk to a role and must hear a cancel meanwhile. */
int worker_wait_fd(void *worker, int fd, int ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void worker_stop(struct worker *w, enum stop why) __attribute__((nonnull));
void worker_phase(struct worker *w, enum phase p) __attribute__((nonnull));
/* The time from now on goes to the account of p, though the phase stays what it is. */
void worker_account(struct worker *w, enum phase p) __attribute__((nonnull));
/* The time in the forge's queue, as the forge said it, goes to its account. */
void worker_queue_time(struct worker *w) __attribute__((nonnull));
/* Put the reason of w->stop into the verdict. */
void worker_stop_verdict(struct worker *w) __attribute__((nonnull));

/* --- the phases: 0 go on, -1 the verdict is set ------------------------------------------------- */

int worker_prepare(struct worker *w) __attribute__((nonnull, warn_unused_result));
int worker_secrets(struct worker *w) __attribute__((nonnull, warn_unused_result));
/* Have everything that was lent to the job revoked. */
void worker_secrets_leave(struct worker *w) __attribute__((nonnull));
int worker_sources(struct worker *w) __attribute__((nonnull, warn_unused_result));
/* In place of the steps of a script: those of a workflow. */
int worker_workflow(struct worker *w) __attribute__((nonnull, warn_unused_result));
int worker_steps(struct worker *w) __attribute__((nonnull, warn_unused_result));
void worker_after(struct worker *w) __attribute__((nonnull));
void worker_upload(struct worker *w) __attribute__((nonnull));
int worker_report(struct worker *w, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
