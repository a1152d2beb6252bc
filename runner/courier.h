/*
 * What the supervisor and a courier say to each other (base/msg over fd 3), as plain structs.
 *
 * courier_send packs the struct that belongs to the type, courier_take unpacks it; the layout is
 * one table in courier.c. Strings are never NULL on the way in ("" or NULL for none on the way out:
 * both arrive as "") and are borrowed from the message. An fd field is -1 for none; a received one
 * is the caller's to close.
 *
 * A JOB may come though no slot is free (its poll was under way): JOB_READY may wait until one is, the
 * job is kept alive at the forge.
 * A job: JOB -> JOB_READY(go) -> ACCEPTED (the worker may go) or DROPPED (forget it) -> REPORTED.
 * JOB_READY(no go): the courier fails the job at the forge with `why` in its log, then REPORTED.
 * Cookies: the courier counts JOB's up from 1; the supervisor's own (ADOPT) have COURIER_ADOPTED
 * set.
 */
#ifndef RUNNER_COURIER_H
#define RUNNER_COURIER_H

#include "base/msg.h"
#include "runner/courier_answer.h"

#include <stdint.h>

enum courier_type {
	COURIER_REGISTRATION = 1,
	COURIER_FORGET,
	COURIER_CAPACITY,
	COURIER_DRAIN,
	COURIER_JOB_READY,
	COURIER_ADOPT,
	COURIER_ONESHOT,
	COURIER_JOB = 32,
	COURIER_ACCEPTED,
	COURIER_DROPPED,
	COURIER_CANCEL,
	COURIER_REPORTED,
	COURIER_TOKEN,
	COURIER_HEALTH,
	COURIER_STAT,
	COURIER_RESULT,
	COURIER_TYPES
};

#define COURIER_ADOPTED (1ULL << 63)
/* idx of registrations that only tell the end of jobs. */
#define COURIER_ORPHANS 0x80000000U

/* A server and a token, or its new settings (same idx). Times: seconds since 1970, 0 unknown. */
struct courier_registration {
	uint32_t idx;
	const char *name, *url, *token, *system_id, *shell;
	uint64_t token_obtained, token_expires;
	/* readable paths; for Landlock their directories are in the courier's argv */
	const char *ca_file, *cert_file, *key_file;
	const char *proxy, *no_proxy;
	uint32_t limit;                /* jobs of this registration at once; 0 none */
	uint32_t request_concurrency;  /* polls in flight; 0 = 1 */
	uint32_t check_interval_ms;    /* 0 = 3000 */
	uint32_t unhealthy_limit;      /* 0 = 3 */
	uint32_t unhealthy_interval_s; /* 0 = 3600 */
	uint32_t final_retries;        /* tries of the final update; 0 = 10 */
	uint32_t connection_age_s;     /* 0 = 900 */
	uint32_t strict;               /* wait check_interval after a job, too */
	uint32_t rotate;               /* replace the token before it expires */
	const char *forge;             /* "gitlab" (also ""), "gitea", "forgejo" */
	const char *labels;            /* what it may be asked to run on, a line each */
	uint32_t ephemeral;            /* it is for one job: no poll after that */
};
/* FORGET: no more polls for it; its jobs are shipped to the end. */
struct courier_forget {
	uint32_t idx;
};
/* Free slots after the JOB with cookie `seen` (0: none yet) was counted. Absolute, never stale. */
struct courier_capacity {
	uint32_t slots;
	uint64_t seen;
};
/* on=1: no new jobs (polls in flight are ended); on=0: again. */
struct courier_drain {
	uint32_t on;
};
/* fds: log and events to read, doorbell (eventfd) that the worker rings after an append. */
struct courier_job_ready {
	uint64_t cookie;
	uint32_t go, debug_trace;
	const char *why; /* when go is 0 */
	int log, events, doorbell;
};
/* A job of an earlier life, after the REGISTRATION it belongs to: shipped from where the forge says it
 * stands; accepted=0: nobody knows whether the forge has said yes, it is asked (again) first. */
struct courier_adopt {
	uint64_t cookie;
	uint32_t idx;
	uint64_t job_id;
	const char *token, *reasons;
	uint32_t debug_trace, accepted;
	int log, events, doorbell; /* doorbell -1: the worker is gone, nothing more will come */
};
/* verb: "verify", "register", "unregister", "unregister-manager", "reset". One RESULT answers it.
 */
struct courier_oneshot {
	uint64_t cookie;
	const char *verb, *url, *token, *system_id, *shell;
	const char *ca_file, *cert_file, *key_file, *proxy, *no_proxy;
	const char *description, *tags, *maintenance_note,
		*access_level; /* register, legacy token */
	uint32_t run_untagged, locked, paused, maximum_timeout;
	const char *forge, *labels; /* as in a registration */
	uint32_t ephemeral;
};

/* Send the struct of that type. -1 with e set (EAGAIN: the peer does not read). */
int courier_send(int sock, enum courier_type type, const void *from, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Fields of m into the struct of its type. -1 with e set: malformed; no fd stays open then. */
int courier_take(struct msg *m, void *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
