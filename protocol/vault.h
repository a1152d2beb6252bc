/*
 * A client of Vault and OpenBao: one identity on one server, its token, and what was leased with it.
 *
 * Error codes of all calls: EINVAL, EACCES the job's or the server's configuration; ENOENT no such
 * secret; EREMOTEIO the server's own trouble; ECANCELED told to stop; anything else this machine or
 * the way to the server. No error holds a token, a login's JWT or a value.
 */
#ifndef PROTOCOL_VAULT_H
#define PROTOCOL_VAULT_H

#include "protocol/vault_net.h"
#include "protocol/vault_reply.h"

/* auth_path: mount of the JWT method, "jwt". inline_auth (OpenBao): no login, the JWT goes with each
 * read; auth_path may then be whole, "auth/jwt/login". role "": the mount's default. */
struct vault_identity {
	const char *address, *space, *auth_path, *role, *jwt;
	bool inline_auth;
};

struct vault_want {
	enum vault_engine engine;
	const char *mount, *path;
	unsigned budget_ms; /* for login and read together, with all tries */
};

struct vault;

/* Copies id; no request yet. life_max_s: a token that would live longer is shortened after login; 0
 * leaves it. NULL with e set: EINVAL where the address, the path or the JWT cannot be. */
struct vault *vault_new(struct vault_net *net, const struct vault_identity *id, uint64_t life_max_s,
			struct err *e) __attribute__((nonnull));
/* Wipes it. Nothing is revoked. */
void vault_free(struct vault *v);
bool vault_is(const struct vault *v, const struct vault_identity *id) __attribute__((nonnull));

/* Log in, unless there is a token that has not expired. Inline identities: nothing to do. */
int vault_login(struct vault *v, unsigned budget_ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Read a secret, logged in before. A token that the server no longer knows is replaced, once. The
 * reply is the caller's; its lease, if any, is kept here. */
int vault_read(struct vault *v, const struct vault_want *w, struct vault_reply **ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* clock_ms() time at which vault_renew has work: 2/3 of a grant, +-10 %. UINT64_MAX: never. */
uint64_t vault_due(const struct vault *v) __attribute__((nonnull));
/* Renew what is due. -1: the first error; the others were tried all the same, and what cannot be
 * renewed is left to its end. */
int vault_renew(struct vault *v, unsigned budget_ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Something is there that vault_revoke would revoke. */
bool vault_holds(const struct vault *v) __attribute__((nonnull));

/* How a revocation went: tokens and leases. passing: so many of failed may succeed when tried again.
 * text: the first failure, "" none. */
struct vault_revoked {
	unsigned revoked, failed, passing;
	char text[256];
};

/* Revoke leases, waiting for their engines, and then tokens, of all n identities. What is left after
 * budget_ms has failed. What was revoked is no longer held. */
void vault_revoke(struct vault *const *all, size_t n, unsigned budget_ms, struct vault_revoked *ret)
	__attribute__((nonnull));

/* One line, without its newline, that lets another process revoke what v holds; and back. */
int vault_record(const struct vault *v, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));
struct vault *vault_recall(struct vault_net *net, const char *line, struct err *e)
	__attribute__((nonnull));

#endif
