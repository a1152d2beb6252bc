/* What the files of the Vault client share. */
#ifndef PROTOCOL_VAULT_PRIVATE_H
#define PROTOCOL_VAULT_PRIVATE_H

#include "protocol/vault.h"

/* A grant of the server: life_s from the time it was given; 0 for good. renew_ms: UINT64_MAX never. */
struct vault_grant {
	uint64_t life_s, end_ms, renew_ms;
};

struct vault_lease {
	char *id;
	struct vault_grant grant;
	bool gone;
};

enum { VAULT_LEASES = 256 };

struct vault {
	struct vault_net *net;
	char *address, *space, *auth_path, *role;
	struct secret jwt, token;
	bool inline_auth, fresh; /* fresh: the token was given in this very call */
	uint64_t life_max_s, until_ms;
	struct vault_grant grant;
	struct vault_lease leases[VAULT_LEASES];
	size_t nleases;
};

/* Fill what is the same for all calls of v. */
void vault_call_of(const struct vault *v, struct vault_call *c, const char *method,
		   const char *path) __attribute__((nonnull));

/* Run one call and judge it: 0 for 200 and 204; -1 with the server's words, scrubbed. The answer is
 * in c either way. */
int vault_ask(struct vault *v, struct vault_call *c, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The error of an answered or unanswered call. */
int vault_judge(const struct vault *v, struct vault_call *c, struct err *e)
	__attribute__((nonnull));

/* A grant as of now. */
struct vault_grant vault_granted(uint64_t life_s, bool renewable);

/* "{" and then ,"name":"value" pairs: names and values alternate, ended by NULL; a NULL or empty
 * value leaves the pair out. */
int vault_body(struct buf *out, struct err *e, ...) __attribute__((nonnull(1, 2), sentinel));

#endif
