/* The inside of protocol/http: shared by http.c (connections, the loop) and http_call.c (one
 * request). */
#ifndef PROTOCOL_HTTP_CALL_H
#define PROTOCOL_HTTP_CALL_H

#include "base/buf.h"
#include "protocol/http.h"

#include <sys/stat.h>

#include <curl/curl.h>

enum { CERTS = 3 }; /* the first of the texts below */

/* Connections that were made with the same certificate files. When a file changes, new requests get
 * a new pool and the old one goes with its last request. */
struct pool {
	struct http *h;
	CURLM *multi;
	struct timer timer;
	struct http_call *calls;
	struct pool *next;
};

enum { TEXT_CA, TEXT_CERT, TEXT_KEY, TEXT_PROXY, TEXT_NO_PROXY, TEXT_AGENT, TEXTS };

struct http {
	struct loop *loop;
	char *text[TEXTS];
	unsigned connect_ms, age_s;
	struct stat certs[CERTS];
	struct pool *pools; /* the first takes new requests, the others only end theirs */
};

struct http_call {
	struct http_request *r;
	struct pool *pool;
	struct http_call *next;
	CURL *easy;
	struct curl_slist *headers;
	struct buf head, body;
	struct timer stall;
	uint64_t moved_ms; /* when something last moved */
	size_t sent;
	bool cut, paused;
	const char *why; /* what we ended it for */
	char said[CURL_ERROR_SIZE];
};

/* Everything that curl must know about c->r. -1 with e set: c is to be freed. */
int http_call_setup(struct http_call *c, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
