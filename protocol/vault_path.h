/* Addresses of secret servers and paths on them: what is allowed, and how it is written. */
#ifndef PROTOCOL_VAULT_PATH_H
#define PROTOCOL_VAULT_PATH_H

#include "base/buf.h"

#include <stdbool.h>

enum { VAULT_ORIGIN = 320 };

/*
 * "https://host:port" of url, in lower case and with its port, into ret (VAULT_ORIGIN bytes). -1,
 * EINVAL: another scheme, a user part, a query, a fragment, a control byte or space, no host.
 */
int vault_origin(const char *url, char *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * May a job's credentials go to url? allowed: the operator's list of addresses, separated by spaces
 * or commas. "" is any https address. http is for loopback, or where the list says http. -1, EINVAL,
 * with words for the job's author.
 */
int vault_allowed(const char *url, const char *allowed, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* May a server at from send us on to url? The same scheme, and the same host or one that the
 * operator's list names. */
int vault_redirect_allowed(const char *from, const char *url, const char *allowed, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * Append "/" and path, each segment percent-encoded. Slashes at its ends are dropped. -1, EINVAL:
 * it is empty, or has a segment that is empty, "." or "..", or holds a control byte, '?' or '#'.
 */
int vault_path_add(struct buf *url, const char *path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
