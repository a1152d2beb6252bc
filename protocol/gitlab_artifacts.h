/*
 * Artifacts up to and down from a GitLab coordinator: the requests, built and not sent, and what the
 * answers mean (pure).
 */
#ifndef PROTOCOL_GITLAB_ARTIFACTS_H
#define PROTOCOL_GITLAB_ARTIFACTS_H

#include "protocol/forge.h"
#include "protocol/http.h"

/* url: as url_gitlab_base makes it. Empty texts are left out of the query. */
struct gitlab_artifact {
	const char *url, *token;
	uint64_t job;
	const char *type, *format, *expire_in;
	const char *filename; /* its last part is what is sent */
	uint64_t from;        /* of a download: bytes that are there already, to go on behind */
	const char *etag;     /* what they are of; "" not known */
};

/* POST jobs/:id/artifacts. The body is head, the file, tail: one part of multipart/form-data. */
struct gitlab_multipart {
	struct buf head, tail;
};
int gitlab_artifact_upload(const struct gitlab_artifact *a, struct forge_request *ret,
			   struct gitlab_multipart *ret_body, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void gitlab_multipart_done(struct gitlab_multipart *m) __attribute__((nonnull));

/* GET jobs/:id/artifacts. direct: the server may name the object store. Of a, url, token, job, from
 * and etag count. */
int gitlab_artifact_download(const struct gitlab_artifact *a, bool direct,
			     struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The same from where the server pointed: the token goes along only if that is the coordinator's own
 * scheme, host and port. */
int gitlab_artifact_follow(const struct gitlab_artifact *a, const char *location,
			   struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

enum gitlab_transfer {
	GITLAB_TRANSFER_DONE,
	GITLAB_TRANSFER_REDIRECT,    /* Location says where to */
	GITLAB_TRANSFER_UNAVAILABLE, /* 503: tried again, and longer than others */
	GITLAB_TRANSFER_AGAIN,
	GITLAB_TRANSFER_DENIED,
	GITLAB_TRANSFER_MISSING,   /* there are none (any more) */
	GITLAB_TRANSFER_TOO_LARGE, /* for the server */
};
enum gitlab_transfer gitlab_upload_read(const struct http_reply *r) __attribute__((nonnull));
enum gitlab_transfer gitlab_download_read(const struct http_reply *r) __attribute__((nonnull));

/*
 * What Location says into ret, as an absolute http or https address: relative ones are resolved
 * against base, the address that was asked. -1 (EPERM): none, another scheme, a user name in it, or
 * from https to http. e never holds the address: it may be a credential.
 */
int gitlab_redirect(const char *base, const struct http_reply *r, struct buf *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The coordinator's address when it answered 307 to an upload: scheme, host and port of location, and
 * the path that comes before "/api/v4/" in it. */
int gitlab_moved_base(const char *location, struct buf *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "bytes 100-199/200" of an answer 206: where it begins; false when it says nothing of the kind. */
bool gitlab_range_begin(const struct http_reply *r, uint64_t *ret) __attribute__((nonnull));

#endif
