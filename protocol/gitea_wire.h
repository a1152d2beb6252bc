/*
 * What is asked of a Gitea or Forgejo server: runner.v1 over Connect with JSON, every request built and
 * not sent. The other half, reading the answers, is in gitea_reply.h; what to do next in gitea_pace.h
 * and gitea_ship.h.
 */
#ifndef PROTOCOL_GITEA_WIRE_H
#define PROTOCOL_GITEA_WIRE_H

#include "protocol/forge.h"

/* Who asks. url: as url_normalise makes it. token: "UUID:TOKEN", as Register gave both. */
struct gitea_runner {
	const char *url, *token;
};

/* labels: a line each, "name[:schema[:arg]]"; the server is told the names. */
struct gitea_registration {
	const char *token; /* the registration token */
	const char *name, *labels;
	bool ephemeral;
};

enum gitea_result {
	GITEA_UNSPECIFIED, /* it runs */
	GITEA_SUCCESS,
	GITEA_FAILURE,
	GITEA_CANCELLED,
	GITEA_SKIPPED,
	GITEA_RESULTS
};

/* A step, in the payload's order. Times: microseconds since 1970, 0 not yet. Its log is the rows
 * [row, row + rows). */
struct gitea_step {
	enum gitea_result result;
	uint64_t started_us, stopped_us, row, rows;
};

/* All that is known of a task: sent whole each time. */
struct gitea_state {
	uint64_t id;
	enum gitea_result result;
	uint64_t started_us, stopped_us;
	const struct gitea_step *steps;
	size_t nsteps;
	const struct buf *outputs; /* the job's, as members of a JSON object; NULL or empty none */
};

/* Rows of the log from `index`: n of them, JSON objects with commas between (gitea_rows.h). */
struct gitea_log {
	uint64_t id, index, n;
	const struct buf *rows;
	bool no_more;
};

/* Each of these overwrites *ret. -1 with e set: out of memory, a token that is none, a label without
 * a name. forge_request_done in any case. */
int gitea_register(const char *url, const struct gitea_registration *r, struct forge_request *ret,
		   struct err *e) __attribute__((nonnull, warn_unused_result));
int gitea_declare(const struct gitea_runner *g, const char *labels, struct forge_request *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));
/* version: the last tasksVersion; 0 makes the server look in any case. */
int gitea_fetch(const struct gitea_runner *g, uint64_t version, struct forge_request *ret,
		struct err *e) __attribute__((nonnull, warn_unused_result));
int gitea_update_task(const struct gitea_runner *g, const struct gitea_state *s,
		      struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Compressed when it is large. */
int gitea_update_log(const struct gitea_runner *g, const struct gitea_log *l,
		     struct forge_request *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The limits of each file's rows: bytes of a row's text, of a request's rows before they are sent. */
enum { GITEA_ROW_MAX = 60 << 10, GITEA_BATCH = 512 << 10 };

#endif
