/* Pulling an image from a registry or a mirror of it: what it is, and its bytes, each checked against
 * the digest that was promised for it. */
#ifndef PROTOCOL_OCI_CLIENT_H
#define PROTOCOL_OCI_CLIENT_H

#include "protocol/oci_ask.h"
#include "protocol/oci_manifest.h"

enum { OCI_SITES = 8 };

/* What the operator says about registries; lists of printable texts. insecure: "host:port" without TLS.
 * mirrors: "docker.io=https://mirror.example", asked in order before the registry itself. */
struct oci_rules {
	const char *const *insecure, *const *mirrors;
	size_t ninsecure, nmirrors;
};

struct oci_client {
	struct http *http;
	struct loop *loop;
	struct oci_ref ref;
	int layout; /* the image is a directory (protocol/oci_layout.h), and no server is asked; -1 none */
	struct oci_logins logins[OCI_LOGINS];
	struct oci_site sites[OCI_SITES];
	size_t nsites, site; /* site: the one that had the manifest */
};

/* c->http, loop, layout, ref and logins are the caller's to fill. -1: a mirror is malformed (EINVAL). */
int oci_client_init(struct oci_client *c, const struct oci_rules *rules, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void oci_client_done(struct oci_client *c) __attribute__((nonnull));

struct oci_image {
	char digest[OCI_DIGEST_TEXT]; /* of the platform's own manifest */
	struct oci_manifest manifest;
};

/* Errors as oci_ask and oci_manifest_parse, and EBADMSG: what came is not what was promised. */
int oci_client_image(struct oci_client *c, const struct oci_platform *want, struct arena *a,
		     struct oci_image *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A blob of at most max bytes into memory. */
int oci_client_small(struct oci_client *c, const struct oci_blob *blob, struct buf *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/*
 * A blob into the file fd, which may hold its beginning: what is there is checked and gone on from, as
 * often as the server breaks off. progress (may be NULL) hears how many bytes are there. On EBADMSG the
 * file is empty.
 */
struct oci_fetch {
	int fd;
	void (*progress)(void *arg, uint64_t bytes);
	void *arg;
};
int oci_client_blob(struct oci_client *c, const struct oci_blob *blob, const struct oci_fetch *f,
		    struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whether the image was had with credentials: it is not for everybody who asks by its name. */
bool oci_client_private(const struct oci_client *c) __attribute__((nonnull));

#endif
