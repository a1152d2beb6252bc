/*
 * HTTP client of the roles that speak to servers: libcurl's multi interface on our event loop.
 *
 * HTTP/1.1 with warm connections, http and https only, TLS 1.2 or newer, no redirect is followed,
 * no .netrc, no cookies, no proxy from the environment. Every size and every time has a bound, and
 * an error says which one was hit, with the host and never with a header, a path or a body.
 */
#ifndef PROTOCOL_HTTP_H
#define PROTOCOL_HTTP_H

#include "base/buf.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http;      /* one set of settings, its connections, its requests under way */
struct http_call; /* private */
struct http_reply;

/* NULL or "" for none. ca_file (PEM) is added to the system's certificates. The files are looked at
 * when a request starts: changed ones count from then on. proxy: "http://host:port"; no_proxy as
 * curl reads it. connect_ms: name, connection and handshake together, 0 = 30 s. */
struct http_settings {
	const char *ca_file, *cert_file, *key_file;
	const char *proxy, *no_proxy;
	const char *user_agent;
	unsigned connect_ms;
	unsigned age_s; /* a connection is not used again after this long; 0 = 15 min */
};

/* Copies the settings. NULL with e set. The loop must outlive it. */
struct http *http_new(struct loop *l, const struct http_settings *s, struct err *e)
	__attribute__((nonnull));

/* Ends the requests under way (their done is not called). Not from within a done; NULL is fine. */
void http_free(struct http *h);

/*
 * A request, zeroed and then filled by its owner. It, its headers and its body must stay as they
 * are until done is called or http_cancel; url and method are copied. No body: body_len 0 (a POST,
 * PUT or PATCH then carries an empty one). body NULL with body_len > 0: the bytes are read by pread
 * from body_fd at body_off, never held in memory.
 */
enum { HTTP_LATER = -1, HTTP_BROKEN = -2 }; /* what more may return */
#define HTTP_UNKNOWN SIZE_MAX

struct http_request {
	const char *method, *url;
	const char *const *headers; /* "Name: value"; no control bytes, else http_send refuses */
	size_t nheaders;
	const void *body;
	size_t body_len;
	int body_fd;
	uint64_t body_off;
	size_t max_body;     /* of the answer; more is cut off, and the connection with it */
	unsigned timeout_ms; /* the whole request; 0 = 60 s */
	unsigned stall_ms;   /* ends it when nothing moves for so long; 0: not watched */
	bool once;           /* a second one would have a second effect: on a connection of its own,
			      * since libcurl repeats what a reused one swallowed */
	/* the body of a 2xx answer piece by piece, instead of into the reply; false ends it */
	bool (*sink)(struct http_request *r, const char *p, size_t n);
	int sink_status; /* what the sink may want to know: of the answer whose body comes */
	/* A body that is made while it is sent, body_len (or HTTP_UNKNOWN: in chunks) bytes in all: up
	 * to n of them, from at on, into p. HTTP_LATER: none yet, http_resume goes on. 0 is its end. */
	ssize_t (*more)(struct http_request *r, uint64_t at, char *p, size_t n);
	void (*done)(struct http_request *r, const struct http_reply *reply);
	struct http_call *call; /* private: NULL when not under way */
};

/* status 0: no whole answer came, error says why. What it points to lives until done returns. */
struct http_reply {
	int status;
	const char *error; /* "" when status is not 0 */
	bool cut;          /* the body was longer than max_body: its beginning is here */
	bool unsent;       /* status 0: no connection was made, so nobody has seen the request */
	bool untrusted;    /* status 0: a certificate was refused; another try ends the same way */
	const char *body;  /* '\0'-terminated, never NULL */
	size_t body_len;
	const struct buf *headers; /* private: see http_header */
};

/* Start it. done is called later from the loop, once, never from within this call; done may send r
 * again. -1 with e set when it cannot be started: done is not called then. */
int http_send(struct http *h, struct http_request *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What is known of the answer that a sink is given: its status and headers. Valid within the sink. */
struct http_reply http_so_far(const struct http_request *r) __attribute__((nonnull));

/* There may be more of a body that said HTTP_LATER. Not from within a callback of r. */
void http_resume(struct http_request *r) __attribute__((nonnull));

/* Stop it; done is not called. Safe when it is not under way. */
void http_cancel(struct http_request *r) __attribute__((nonnull));

/* http_send, and the loop is run until done was called. For roles that do one thing after another;
 * not from within a callback of the loop. */
int http_run(struct http *h, struct http_request *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The value of the last header of that name (any case), copied into ret and cut to size bytes;
 * false and "" when there is none. */
bool http_header(const struct http_reply *r, const char *name, char *ret, size_t size)
	__attribute__((nonnull));

/* Once in a process, before the first http_new and before threads or seccomp: what libcurl and the
 * TLS library load at start. -1 with e set. */
int http_init(struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
