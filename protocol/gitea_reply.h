/* What a Gitea or Forgejo server answered, read with suspicion: every text is cut and made printable. */
#ifndef PROTOCOL_GITEA_REPLY_H
#define PROTOCOL_GITEA_REPLY_H

#include "protocol/gitea_wire.h"
#include "protocol/http.h"

/*
 * What an answer is. Servers send almost every failure as status 500, code "unknown", with the real
 * code in the text; newer ones send real codes. Both are understood; a page that is no Connect
 * error is GITEA_FAILED.
 */
enum gitea_code {
	GITEA_OK,
	GITEA_UNAUTHENTICATED, /* the runner is unknown there, or its token wrong */
	GITEA_ARCHIVED,        /* rows after the end of the log */
	GITEA_NOT_FOUND,       /* no such task */
	GITEA_UNIMPLEMENTED,   /* an old server */
	GITEA_INVALID,         /* what was sent is not understood: another try ends the same way */
	GITEA_FAILED,          /* anything else, and transport errors: try again later */
};
enum gitea_code gitea_code(const struct http_reply *r) __attribute__((nonnull));

/* "status 500: runner registration token not found" for people; for a transport error its text. */
void gitea_reply_text(const struct http_reply *r, char ret[FORGE_TEXT_MAX])
	__attribute__((nonnull));

/* Register: id, "UUID:TOKEN", whether it is ephemeral. Declare gives no token: token is "" then. -1
 * with e set: what came instead. */
int gitea_runner_read(const struct http_reply *r, bool declared, struct forge_identity *ret,
		      struct err *e) __attribute__((nonnull, warn_unused_result));

/* FetchTask. task: ret_offer is filled, but for the token. version: the server's. -1 with e set: not
 * an answer of that kind, or a task without an id. */
struct gitea_fetched {
	bool task;
	uint64_t version;
};
int gitea_fetch_read(const struct http_reply *r, struct forge_offer *ret_offer,
		     struct gitea_fetched *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* UpdateLog: how many rows the server has. */
int gitea_ack_read(const struct http_reply *r, uint64_t *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* UpdateTask: the result that the task has at the server: CANCELLED before its end is a cancel. */
int gitea_state_read(const struct http_reply *r, enum gitea_result *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
