/* What a GitLab coordinator answered, read with suspicion: every text is cut and made printable. */
#ifndef PROTOCOL_GITLAB_REPLY_H
#define PROTOCOL_GITLAB_REPLY_H

#include "protocol/forge.h"
#include "protocol/http.h"

/* "403 403 Forbidden - check the token" for people: status and, where the body is JSON, its
 * message; for a transport error its text. */
void gitlab_reply_text(const struct http_reply *r, char ret[FORGE_TEXT_MAX])
	__attribute__((nonnull));

/* Read the answer to a call that succeeds with status `want`. -1 with e set: what came instead. */
int gitlab_identity_read(const struct http_reply *r, int want, struct forge_identity *ret,
			 struct err *e) __attribute__((nonnull, warn_unused_result));

/* Read a payload as far as it goes: one that is not JSON may still name id and token, and then its
 * job can be failed with words. -1 with e set when they are missing: nobody can be told. */
int gitlab_offer_read(const char *body, size_t n, struct forge_offer *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* RFC 3339 as GitLab writes it; seconds since 1970, 0 when it is none. */
uint64_t gitlab_time(const char *text) __attribute__((nonnull));

/* What the Job-Status header and the status say about a job, whatever was asked. */
enum gitlab_standing {
	GITLAB_STANDS,    /* nothing special */
	GITLAB_CANCELING, /* to be ended gracefully: after_script still runs */
	GITLAB_ENDED,     /* canceled, failed or forbidden: no longer ours */
};
enum gitlab_standing gitlab_standing(const struct http_reply *r) __attribute__((nonnull));

/* The answer to accepting a job (PUT running before any work). */
enum gitlab_accept {
	GITLAB_ACCEPT_GO,
	GITLAB_ACCEPT_DROP,     /* it is gone: say nothing more about it */
	GITLAB_ACCEPT_CANCELED, /* being cancelled: report it as such, then drop it */
};
enum gitlab_accept gitlab_accept_read(const struct http_reply *r) __attribute__((nonnull));

#endif
