/* What a Vault or OpenBao server answers: one envelope for logins, secrets and leases. Pure. */
#ifndef PROTOCOL_VAULT_REPLY_H
#define PROTOCOL_VAULT_REPLY_H

#include "base/buf.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

/* How an engine lays out a path and its answer. */
enum vault_engine { VAULT_KV1, VAULT_KV2, VAULT_GENERIC, VAULT_ENGINES };

/* "kv-v1", "kv-v2", "generic". False for any other name. */
bool vault_engine_named(const char *name, enum vault_engine *ret) __attribute__((nonnull));

enum { VAULT_REPLY_MAX = 1 << 20, VAULT_NAME_MAX = 256, VAULT_TOKEN_MAX = 8 << 10 };

struct vault_reply;

/* A body of status 200, or of a 404 that has one. NULL with e set (EPROTO): no envelope, or a token
 * or lease id that cannot be sent back. Its memory is wiped when it goes. */
struct vault_reply *vault_reply_parse(const char *body, size_t n, struct err *e)
	__attribute__((nonnull));
void vault_reply_free(struct vault_reply *r);

/* A token was granted, or renewed: the text is borrowed, "" when there is none. */
const char *vault_reply_token(const struct vault_reply *r) __attribute__((nonnull));
/* The life of the token (auth) or the lease, seconds; may it be renewed. 0 when there is neither. */
uint64_t vault_reply_life(const struct vault_reply *r) __attribute__((nonnull));
bool vault_reply_renewable(const struct vault_reply *r) __attribute__((nonnull));
const char *vault_reply_lease(const struct vault_reply *r) __attribute__((nonnull));
const char *vault_reply_request(const struct vault_reply *r) __attribute__((nonnull));
/* Of a KV v2 secret; 0 for others. */
uint64_t vault_reply_version(const struct vault_reply *r) __attribute__((nonnull));

/* The server's warnings, i = 0 …; NULL at the end. White space in them is not collapsed. */
const char *vault_reply_warning(const struct vault_reply *r, size_t i) __attribute__((nonnull));

/*
 * The value of field, as vault_json_value shows it. -1: ENOENT, it is absent or null, or the secret
 * was deleted, and e says which; EINVAL, no field was named; else memory.
 */
int vault_reply_field(const struct vault_reply *r, enum vault_engine engine, const char *field,
		      struct secret *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Call add for every string within the field's value, where the value is an object or array: they
 * have to be masked too. */
int vault_reply_leaves(const struct vault_reply *r, enum vault_engine engine, const char *field,
		       int (*add)(void *arg, const char *p, size_t n), void *arg)
	__attribute__((nonnull(1, 3, 4), warn_unused_result));

/*
 * The error of an answer that is none of the good ones: "api error: status code 403: 1 error
 * occurred: * permission denied", in one line, or the body's first bytes when it is no JSON. Sets
 * e->code: EACCES for 4xx but 429, ENOENT for 404, EREMOTEIO for 5xx, EIO for the rest.
 */
int vault_reply_error(int status, const char *body, size_t n, struct err *e)
	__attribute__((nonnull));

#endif
