/*
 * The supervisor's side of the recorder: it is started, started again when it ends (after 1 s, 2 s …
 * at most a minute), and told things. Telling never blocks and never fails: what does not fit into the
 * socket, or finds no recorder, is dropped, counted, and the count is told when it can be.
 */
#ifndef RUNNER_RECORDER_LINK_H
#define RUNNER_RECORDER_LINK_H

#include "runner/recorder.h"
#include "runner/role.h"

struct recorder_link_options {
	struct loop *loop;
	int libexec;
	int state;               /* the state directory: the ledger is in STATE/ledger */
	const struct priv *priv; /* borrowed */
	const char *listen; /* "127.0.0.1:9402"; "" or NULL: no metrics. Where it cannot be had,
				    open fails */
	/* A recorder has begun, the first one too: tell it every gauge and whether we are ready. */
	void (*begun)(void *arg);
	void *arg;
};

struct recorder_link;

/* Start it. NULL with e set. */
struct recorder_link *recorder_link_open(const struct recorder_link_options *o, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Let it write what it has been told and end; waits for it, 2 s at most. NULL is fine. */
void recorder_link_close(struct recorder_link *k);

/* k may be NULL: nothing is told then. */
void recorder_tell(struct recorder_link *k, enum recorder_type type, const void *what)
	__attribute__((nonnull(3)));

/* The same for the common ones. labels: "key=value,…", "" none. */
void recorder_tell_gauge(struct recorder_link *k, const char *name, const char *labels,
			 double value) __attribute__((nonnull(2, 3)));
void recorder_tell_count(struct recorder_link *k, const char *name, const char *labels, uint64_t by)
	__attribute__((nonnull(2, 3)));

/* A listening, non-blocking TCP socket at "HOST:PORT" ("[::1]:9402", ":9402" all addresses, port 0
 * any); HOST is an address or "localhost". -1 with e set. */
int recorder_listen(const char *address, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
