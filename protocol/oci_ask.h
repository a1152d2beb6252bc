/* One question to a registry, with all that belongs to it: who we are, redirects, patience. */
#ifndef PROTOCOL_OCI_ASK_H
#define PROTOCOL_OCI_ASK_H

#include "base/secret.h"
#include "protocol/http.h"
#include "protocol/oci_auth.h"
#include "protocol/oci_ref.h"

/* One server that may have the image: the registry or a mirror of it. */
struct oci_site {
	char base[300];  /* scheme://host[:port], no slash at its end */
	char login[300]; /* the host that credentials go by */
	bool plain;      /* the operator lists it as one without TLS */
	bool asked;      /* credentials were looked for */
	struct oci_login credentials;
	struct secret authorization; /* a header's value, once it was asked for */
	bool used_login;             /* something was granted for it */
};

/* A file of docker's form, with what to call it in an error. The first that has the host counts. */
struct oci_logins {
	const char *text, *what;
	size_t n;
};

enum { OCI_LOGINS = 3, OCI_ASK_TRIES = 4 };

struct oci_ask {
	struct http *http;
	struct loop *loop;
	struct oci_site *site;
	const struct oci_logins *logins; /* OCI_LOGINS of them; text NULL: none */
	const char *repo;
	const char *path; /* behind base: "/v2/library/debian/manifests/12" */
	uint64_t from;    /* the first byte wanted; moves on with what has come */
	size_t max;       /* of a body that is kept */
	/* the bytes of a success, instead of keeping them; false ends it. begin, before the first of each
	 * answer: at is where it stands, which is 0 when the server does not go on from elsewhere. */
	bool (*begin)(void *arg, uint64_t at);
	bool (*bytes)(void *arg, const char *p, size_t n);
	void *arg;
	/* the answer */
	struct buf body;
	char type[128], digest[OCI_DIGEST_TEXT];
	/* private */
	struct http_request request;
	int status;
	uint64_t wait_ms;
	bool begun, refused_bytes, no_retry;
	char location[2048], challenge[2048];
	struct err why;
};

/*
 * Ask until there is an answer, with credentials where they are asked for. Redirects are followed; the
 * credentials of one host are never shown to another. -1 with e: ENOENT the server has no such thing,
 * EACCES it refuses us, EHOSTUNREACH there is no answer, EPROTO it makes no sense, E2BIG it is too long,
 * ECANCELED the bytes were not taken.
 */
int oci_ask(struct oci_ask *q, struct err *e) __attribute__((nonnull, warn_unused_result));
void oci_ask_done(struct oci_ask *q) __attribute__((nonnull));

#endif
