/* A keeper: serves one worker, holds its logins, renews them, and revokes them in the end. */
#ifndef RUNNER_KEEPER_H
#define RUNNER_KEEPER_H

#include "base/loop.h"
#include "runner/keeper_audit.h"
#include "runner/keeper_settings.h"
#include "runner/keeper_store.h"

enum keeper_fd {
	KEEPER_WORKER = 3,
	KEEPER_SUPERVISOR, /* revoke mode: the records */
	KEEPER_SETTINGS,
	KEEPER_AUDIT,
	KEEPER_LISTEN, /* a later supervisor connects here */
};

enum { KEEPER_READ_MS = 60 * 1000, KEEPER_REVOKE_MS = 10 * 1000 };

struct keeper {
	struct loop *loop;
	struct http *http;
	struct vault_net net;
	struct keeper_store store;
	struct keeper_audit audit;
	struct source worker, listen;
	struct timer renewal;
	uint64_t read_ms;            /* the budget of one READ */
	int supervisor;              /* -1: nobody keeps records */
	bool ready, gone, left, due; /* worker: a message waits; has ended; has said LEAVE */
};

/* The loop and the HTTP client, before anything is confined or read. */
int keeper_open(struct keeper *k, struct err *e) __attribute__((nonnull, warn_unused_result));
/* Take the settings over (borrowed): from now on requests can be made. */
int keeper_set_up(struct keeper *k, const struct keeper_settings *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void keeper_close(struct keeper *k) __attribute__((nonnull));

/* Serve the worker until it leaves or ends; then revoke, and say DONE. -1: the loop failed, after
 * the revocation was tried. */
int keeper_run(struct keeper *k, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Revoke what a keeper before this one held: text has a record a line. -1: something is left. */
int keeper_revoke(struct keeper *k, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* One READ (keeper_read.c): answered in any case. */
void keeper_serve_read(struct keeper *k, const struct secrets_read *r) __attribute__((nonnull));

/* To the worker; waits while its socket is full. An error is logged: the worker is gone then. */
void keeper_send(struct keeper *k, const struct msg *m) __attribute__((nonnull));

/* What another keeper needs should this one die (keeper_record.c), kept by the supervisor. The record of
 * an identity is told when it has changed, and again, all of them, to each later supervisor, which
 * connects to KEEPER_LISTEN. */
void keeper_record(struct keeper *k, const struct vault *v, unsigned index)
	__attribute__((nonnull));
/* Identities that hold nothing any more have no record. */
void keeper_record_forget(struct keeper *k) __attribute__((nonnull));
/* A supervisor holds them now. */
bool keeper_record_kept(const struct keeper *k) __attribute__((nonnull));
int keeper_record_listen(struct keeper *k, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
