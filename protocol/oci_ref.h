/* What an image is called: [host[:port]/]path[:tag][@digest], checked once and brought into one form. */
#ifndef PROTOCOL_OCI_REF_H
#define PROTOCOL_OCI_REF_H

#include "base/arena.h"

#include <stdbool.h>

enum { OCI_REF_MAX = 1024, OCI_DIGEST_TEXT = 72 }; /* "sha256:", 64 hex digits, '\0' */

/* Every field is safe in a URL's path as it is. No string is NULL. */
struct oci_ref {
	const char *host;   /* "docker.io" when none is written; what credentials go by */
	const char *repo;   /* "library/debian", "group/project/image" */
	const char *tag;    /* "latest" when neither tag nor digest is written; else may be "" */
	const char *digest; /* "sha256:…", or ""; it outweighs the tag */
	const char *text;   /* the whole in one form: docker.io/library/debian:latest */
};

/* -1 with e saying what is wrong with the name (EINVAL): the text is quoted, control bytes never. */
int oci_ref_parse(const char *text, struct arena *a, struct oci_ref *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What is asked for a manifest: the digest, or the tag. */
const char *oci_ref_wanted(const struct oci_ref *r) __attribute__((nonnull, returns_nonnull));

/* The host that answers for r.host: docker.io's API has another name. */
const char *oci_ref_server(const struct oci_ref *r) __attribute__((nonnull, returns_nonnull));

/* "sha256:" and 64 lower-case hex digits: only then may it become part of a path. */
bool oci_digest_ok(const char *text) __attribute__((nonnull));

#endif
