/*
 * Requests to a Vault or OpenBao server: several at a time, each with its tries, within one budget.
 * Statuses and transport errors that pass are tried again with jittered back-off; one redirect is
 * followed, by hand, to where it is allowed.
 */
#ifndef PROTOCOL_VAULT_NET_H
#define PROTOCOL_VAULT_NET_H

#include "base/loop.h"
#include "protocol/http.h"

/* What all requests share; borrowed. allowed: the operator's list of addresses. stop: when it
 * becomes true, requests under way are given up; NULL never. Whoever sets it does so from the loop. */
struct vault_net {
	struct loop *loop;
	struct http *http;
	const char *allowed;
	const bool *stop;
};

enum { VAULT_HEADERS = 6, VAULT_PARALLEL = 4 };

/*
 * One request. The owner zeroes it, sets the first group and calls vault_call_done in the end. What
 * is borrowed must live until vault_net_run has returned.
 */
struct vault_call {
	const char *method, *address; /* "https://host:port", a path behind it is kept */
	const char *path;           /* encoded, with the slash it begins with: "/auth/jwt/login" */
	const char *space, *token;  /* X-Vault-Namespace, X-Vault-Token; "" or NULL: none */
	const char *const *headers; /* further ones, at most VAULT_HEADERS */
	size_t nheaders;
	const struct buf *body; /* JSON; NULL none */
	bool once;              /* a second one would have a second effect */

	/* The answer. status 0: error says why there is none. */
	int status;
	struct buf reply;
	struct err error;

	struct vault_try *now; /* private */
};

/* Send all, VAULT_PARALLEL at a time, until each has its answer or budget_ms have passed; pumps the
 * loop, so not from a callback of it. -1 only when the loop itself failed or was told to stop
 * (ECANCELED): the calls then have what they have. */
int vault_net_run(struct vault_net *n, struct vault_call *calls, size_t count, unsigned budget_ms,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* Wipe the answer. */
void vault_call_done(struct vault_call *c) __attribute__((nonnull));

#endif
