/* A registration: one server and one token, asked for jobs on its own connections. Nothing that its
 * server does or fails to do reaches another one. */
#ifndef RUNNER_COURIER_SITE_H
#define RUNNER_COURIER_SITE_H

#include "base/arena.h"
#include "base/secret.h"
#include "runner/courier_call.h"
#include "runner/forge_wire.h"

struct courier_poll;

struct courier_site {
	const struct forge_wire *wire;
	void *own; /* the wire's; heap */
	struct courier_hub *hub;
	struct courier_site *next;
	struct arena arena; /* the strings below */
	uint32_t idx, limit, final_retries;
	const char *name, *url, *system_id, *shell;
	struct secret token;
	struct http *http;
	struct courier_poll *polls; /* under way */
	unsigned flying, jobs;
	struct timer look; /* when to consider a poll */
	bool forgotten;    /* no more polls; freed with its last job */
	bool ailing;       /* the last thing said about it was not good */
	char said[300];
	uint64_t said_ms;
	uint64_t obtained, expires; /* of the token, seconds */
	struct timer rotation;
	struct courier_call rotate;
	unsigned rotate_failures;
};

/* A new registration, or a known one with new settings. */
void site_register(struct courier_hub *h, const struct courier_registration *r)
	__attribute__((nonnull));
void site_forget(struct courier_hub *h, uint32_t idx) __attribute__((nonnull));
struct courier_site *site_find(const struct courier_hub *h, uint32_t idx) __attribute__((nonnull));

/* Start the polls that may start now, on every site; and end those under way when no slot is free.
 * To be called whenever slots, jobs or draining changed. */
void site_consider_all(struct courier_hub *h) __attribute__((nonnull));

/* Start and end polls of s alone. */
void site_consider(struct courier_site *s) __attribute__((nonnull));

/* End the polls that the server holds: they wait in the name of an old token. */
void site_let_go(struct courier_site *s) __attribute__((nonnull));

/* Tell and log how the site is, the latter when it changed. */
void site_say(struct courier_site *s, bool ok, const char *text) __attribute__((nonnull));

/* A job of s is gone. */
void site_job_gone(struct courier_site *s) __attribute__((nonnull));

void site_free_all(struct courier_hub *h) __attribute__((nonnull));

#endif
