/* How one proves to a registry who one is: challenges, tokens, and the files that hold passwords. Pure:
 * nothing is sent and nothing opened here. */
#ifndef PROTOCOL_OCI_AUTH_H
#define PROTOCOL_OCI_AUTH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OCI_AUTH_MAX = 1 << 20, OCI_TOKEN_MAX = 64 << 10 };

enum oci_scheme { OCI_NO_SCHEME, OCI_BASIC, OCI_BEARER };

/* What WWW-Authenticate asks for. */
struct oci_challenge {
	enum oci_scheme scheme;
	const char *realm, *service, *scope; /* never NULL */
};

/* The first challenge that can be met, Bearer before Basic; scheme OCI_NO_SCHEME when there is none. -1:
 * malformed (EINVAL), or out of memory. */
int oci_challenge_parse(const char *header, struct arena *a, struct oci_challenge *ret,
			struct err *e) __attribute__((nonnull, warn_unused_result));

/* The address of the token server with service and scope as its query; scope as this image needs it
 * where the challenge names none. -1 when realm is no address or goes where nothing may be sent: plain
 * HTTP unless `plain`. */
int oci_token_url(const struct oci_challenge *c, const char *repo, bool plain, struct buf *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* The token of a token server's answer; what it cannot be sent back as is refused. */
int oci_token_parse(const char *text, size_t n, struct secret *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A user and password, or an identity token; from a file of docker's form. found: there was an entry. */
struct oci_login {
	bool found;
	bool helper;         /* a credential helper is named for it, which is not asked */
	struct secret basic; /* base64 of "user:password", as a header carries it */
};
void oci_login_done(struct oci_login *l) __attribute__((nonnull));

/*
 * Look host up in a docker config.json ({"auths": {"host": {"auth": …}}}): keys with or without
 * scheme and path; docker.io by its old name too. -1: the text is no such file, or its entry cannot be
 * used (ENOTSUP: an identity token); no error quotes a value.
 */
int oci_login_find(const char *text, size_t n, const char *host, struct oci_login *ret,
		   struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
