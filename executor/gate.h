/*
 * What a worker may ask of the supervisor, and what the supervisor tells a worker: the messages on
 * the worker's fd 3 (base/msg). The supervisor serves them through a table of request, phase and
 * "once" (runner/gate_serve.c): a worker that was taken over gains nothing by asking out of order.
 *
 * worker to supervisor                                  reply
 * HELLO    u64 job, u32 phase                           none; first on a new supervisor's connection;
 *                                                       fds: its own pidfd, doorbell, [init's pidfd]
 * SANDBOX  struct gate_sandbox                          GRANTED + init's socket and pidfd, str notes,
 *                                                       u32 the tree of its key is at GATE_SNAPSHOT_AT,
 *                                                       u64 memory limit, [executor/usage.h files]
 * FETCHER  u32 whose, str url                             GRANTED + socket of a fetcher (executor/fetch.h)
 * PACKER                                                GRANTED + socket of a packer (executor/pack.h)
 * ARCHIVER                                              GRANTED + socket (executor/archiver.h)
 * CARRIER                                               GRANTED + socket (executor/carrier.h)
 * STORER                                                GRANTED + socket (executor/storer.h)
 * SPOOL                                                 GRANTED + a file without a name, to read and write
 * KEEPER   u64 job, u32 timeout_s                       GRANTED + socket of a keeper (executor/secrets.h)
 * SNAPSHOT str key, sha, url; fd: refs                  none: make its tree for later jobs
 * PHASE    u32 phase                                    none
 * IMAGE    str name, platform                           GRANTED, fds: [its record], str "private" or ""
 * PULLER                                                GRANTED + socket of a puller (executor/image.h)
 * UNPACKER                                              GRANTED + socket of an unpacker
 * SERVICE  struct gate_service                          GRANTED + init's socket and pidfd, str notes
 *
 * A worker that has written "end" to its journal exits; its exit is the message.
 *
 * supervisor to worker
 * START    fds: payload, log, events, doorbell, listening socket, settings: once, before anything else
 * GRANTED / REFUSED (str why)   the answer to the one request that is open
 * GO                            the forge has accepted: work may begin
 * CANCEL   u32 enum gate_cancel
 */
#ifndef EXECUTOR_GATE_H
#define EXECUTOR_GATE_H

#include "base/msg.h"
#include "executor/gate_box.h"
#include "executor/phase.h"

enum gate_type {
	GATE_HELLO = 1,
	GATE_SANDBOX,
	GATE_FETCHER,
	GATE_PACKER,
	GATE_KEEPER,
	GATE_PHASE,
	GATE_ARCHIVER,
	GATE_CARRIER,
	GATE_SPOOL,
	GATE_SNAPSHOT,
	GATE_IMAGE,
	GATE_PULLER,
	GATE_UNPACKER,
	GATE_STORER,
	GATE_SERVICE,
	GATE_TYPES, /* what a worker may send ends here */
	GATE_GRANTED = 64,
	GATE_REFUSED,
	GATE_GO,
	GATE_CANCEL,
	GATE_START,
};

enum gate_cancel {
	GATE_CANCEL_NONE,
	GATE_CANCEL_GRACEFUL,  /* the script is ended, after_script still runs */
	GATE_CANCEL_ABORT,     /* everything ends now */
	GATE_CANCEL_INTERRUPT, /* the runner stops: as abort, and the reason is ours */
};

/* The fds of a worker: the first from its start, the others from GATE_START on. */
enum worker_fd {
	WORKER_SUPERVISOR = 3,
	WORKER_PAYLOAD, /* sealed memfd: what the forge sent */
	WORKER_LOG,
	WORKER_EVENTS,
	WORKER_DOORBELL,
	WORKER_LISTEN,   /* a later supervisor connects here */
	WORKER_SETTINGS, /* sealed memfd: executor/settings.h */
	WORKER_FDS_END,
};

enum { GATE_START_FDS = WORKER_FDS_END - WORKER_PAYLOAD };

/* What a worker is given with its job, in the order of enum worker_fd. */
struct gate_start {
	int fds[GATE_START_FDS];
};

/* The supervisor's half: the fds stay the caller's. */
int gate_say_start(int sock, const struct gate_start *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The worker's half: wait for its job, and put what comes with it where enum worker_fd says. 1 it has
 * come, 0 the supervisor is gone: there is nothing to do. */
int gate_wait_start(struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
