/* What a keeper holds: an identity for each way to log in, and what was read with it. */
#ifndef RUNNER_KEEPER_STORE_H
#define RUNNER_KEEPER_STORE_H

#include "protocol/vault.h"

enum { KEEPER_IDENTITIES = 32, KEEPER_READS = 512 };

struct keeper_cached {
	struct vault *vault; /* whose it is */
	enum vault_engine engine;
	char *mount, *path;
	struct vault_reply *reply;
};

struct keeper_store {
	struct vault_net *net;
	uint64_t life_max_s;
	struct vault *identities[KEEPER_IDENTITIES];
	size_t nidentities;
	struct keeper_cached reads[KEEPER_READS];
	size_t nreads;
};

void keeper_store_init(struct keeper_store *s, struct vault_net *net, uint64_t life_max_s)
	__attribute__((nonnull));
/* Wipes everything; revokes nothing. */
void keeper_store_done(struct keeper_store *s) __attribute__((nonnull));

/* The identity, made when it is new. *ret_index is its place, which does not change. NULL with e
 * set: it cannot be, or there are too many. */
struct vault *keeper_store_identity(struct keeper_store *s, const struct vault_identity *id,
				    unsigned *ret_index, struct err *e) __attribute__((nonnull));

/* What was read before; NULL when it was not. Borrowed. */
const struct vault_reply *keeper_store_find(const struct keeper_store *s, const struct vault *v,
					    const struct vault_want *w) __attribute__((nonnull));
/* Keep a reply, which becomes the store's, whatever is returned. */
int keeper_store_keep(struct keeper_store *s, struct vault *v, const struct vault_want *w,
		      struct vault_reply *reply, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* When the next renewal is due, clock_ms(); UINT64_MAX never. */
uint64_t keeper_store_due(const struct keeper_store *s) __attribute__((nonnull));

#endif
