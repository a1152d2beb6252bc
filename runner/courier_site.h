/* A registration: one server and one token, asked for jobs on its own connections. Nothing that its
 * server does or fails to do reaches another one. */
#ifndef RUNNER_COURIER_SITE_H
#define RUNNER_COURIER_SITE_H

#include "base/arena.h"
#include "base/secret.h"
#include "protocol/gitlab_pace.h"
#include "runner/courier_call.h"

struct courier_poll;

struct courier_site {
	struct courier_hub *hub;
	struct courier_site *next;
	struct arena arena; /* the strings below */
	uint32_t idx, limit, final_retries;
	const char *name, *url, *system_id, *shell;
	struct secret token;
	struct http *http;
	struct gitlab_pace pace;
	struct courier_poll *polls; /* under way */
	unsigned flying, jobs;
	char last_update[256];
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

/* Who asks, for the builders of requests. Borrowed from s. */
struct gitlab_runner site_runner(const struct courier_site *s) __attribute__((nonnull));

/* A job of s is gone. */
void site_job_gone(struct courier_site *s) __attribute__((nonnull));

void site_free_all(struct courier_hub *h) __attribute__((nonnull));

#endif
