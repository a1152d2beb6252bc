/* Addresses of repositories: which are allowed, and how a submodule's is found. Pure text. */
#ifndef EXECUTOR_REMOTE_URL_H
#define EXECUTOR_REMOTE_URL_H

#include "base/buf.h"

#include <stdbool.h>

enum { REMOTE_URL_MAX = 2048 };

/* 0 when url is http:// or https://, host, perhaps a port, and a path of plain characters: no user,
 * no password, no query, no fragment, no quotes, blanks, control or non-ASCII bytes, no ".." part.
 * -1 with e saying what is wrong with it. */
int remote_url_check(const char *url, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Scheme, host (any case) and port are the same. Both passed remote_url_check. */
bool remote_url_same_origin(const char *a, const char *b) __attribute__((nonnull));

/* "scheme://host[:port]" of a checked url appended to out. */
int remote_url_origin(const char *url, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * The address of a submodule whose .gitmodules says url, in a repository at base (checked): relative
 * ones ("../other.git") are resolved as git does, absolute ones are taken as they are. https: also
 * "git@host:path" and "ssh://[git@]host[:port]/path" are accepted and become https://host/path. What
 * is appended to out passed remote_url_check. -1 names what is wrong.
 */
int remote_url_resolve(const char *base, const char *url, bool https, struct buf *out,
		       struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
