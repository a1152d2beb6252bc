/* What a keeper leaves with the supervisor so that another one can revoke it after its death. */
#ifndef RUNNER_REVOCABLE_H
#define RUNNER_REVOCABLE_H

#include "base/msg.h"
#include "base/secret.h"
#include "runner/slot.h"

/* Keep or forget a record: a REVOCABLE or GONE message (executor/secrets.h). store holds them
 * all, in a form of our own. */
int revocable_take(struct secret *store, struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* There are records: something was lent and not given back. */
bool revocable_pending(const struct secret *store) __attribute__((nonnull));

/* What a keeper of the slot is started with: the registration's settings, the job, how long what it
 * holds may live. A sealed memfd, -1 with e set. */
int revocable_settings(const struct slot *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Start a keeper, as the slot's, that revokes its records; it has none afterwards. */
int revocable_start(struct slot *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
