/* Addresses of servers as people write them, checked once and brought into one form. */
#ifndef PROTOCOL_URL_H
#define PROTOCOL_URL_H

#include "base/buf.h"

#include <stdbool.h>

enum { URL_MAX = 2048, URL_HOST_MAX = 262 };

/*
 * Check an http or https address and append it to ret: scheme and host in lower case, no trailing
 * slash. -1 with e saying what is wrong: another scheme, no host, a user name or password, a query
 * or fragment, a bad port, a space or control byte. The text of e never holds a user name or
 * password.
 */
int url_normalise(const char *text, struct buf *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same for a GitLab instance: a trailing "/ci" goes as well (what old installations document).
 */
int url_gitlab_base(const char *text, struct buf *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "host" or "host:port" of an address that url_normalise accepted, cut to URL_HOST_MAX. */
void url_host(const char *url, char ret[URL_HOST_MAX]) __attribute__((nonnull));

/* Whether it goes over TLS. */
bool url_is_tls(const char *url) __attribute__((nonnull));

#endif
