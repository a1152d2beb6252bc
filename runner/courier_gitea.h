/* Gitea and Forgejo in the courier: what their table keeps, shared by its files. */
#ifndef RUNNER_COURIER_GITEA_H
#define RUNNER_COURIER_GITEA_H

#include "protocol/gitea_pace.h"
#include "protocol/gitea_rows.h"
#include "protocol/gitea_ship.h"
#include "runner/courier_task.h"

struct gitea_site {
	struct gitea_pace pace;
	const char *labels;    /* a line each */
	bool declared;         /* the server has heard our labels in this life */
	bool ephemeral, spent; /* spent: its one task was given */
};

enum { GITEA_STEPS_MAX = 256 };

/* … and of a task. */
struct gitea_task {
	struct gitea_ship ship;
	struct gitea_next asked;
	struct gitea_sent sent;
	uint64_t counted_off, counted_rows; /* how many rows begin before that byte of the log */
	uint64_t started_us, stopped_us;
	bool skipped; /* its condition did not hold */
	struct gitea_step steps[GITEA_STEPS_MAX];
	size_t nsteps;
	struct buf outputs; /* members of a JSON object */
	struct buf value;   /* of the output whose pieces are coming */
};

/* Who asks, for the builders of requests. Borrowed from s. */
struct gitea_runner gitea_site_runner(const struct courier_site *s) __attribute__((nonnull));

/* The half of the table that is about tasks (courier_gitea_task.c, courier_gitea_ship.c). */
int gitea_task_state(struct courier_task *j, enum forge_state what, struct forge_request *ret,
		     struct err *e);
enum forge_accept gitea_task_accepted(struct courier_task *j, const struct http_reply *r);
void gitea_task_begin(struct courier_task *j, uint64_t now_ms);
void gitea_task_done(struct courier_task *j);
void gitea_task_event(struct courier_task *j, const struct journal_record *r);
struct forge_next gitea_task_next(struct courier_task *j, uint64_t now_ms);
int gitea_task_build(struct courier_task *j, struct forge_request *ret, struct err *e);
enum forge_news gitea_task_heard(struct courier_task *j, uint64_t now_ms,
				 const struct http_reply *r);

const struct forge_verb *gitea_verb(const char *name, const char *token);

#endif
