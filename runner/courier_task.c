#include "runner/courier_task.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	PENDING_MS = 30 * 1000,
	ACCEPT_TRIES = 5,
	ACCEPT_RETRY_MS = 500,
	ACCEPT_RETRY_CAP_MS = 8000
};

static struct courier_task *task_find(const struct courier_hub *h, uint64_t cookie)
{
	for (struct courier_task *j = h->tasks; j; j = j->next)
		if (j->cookie == cookie)
			return j;
	return NULL;
}

static struct courier_task *task_new(struct courier_site *s, uint64_t id, const char *token,
				     const char *reasons, struct err *e)
{
	struct courier_task *j = calloc(1, sizeof *j);
	char *copy = strdup(reasons);
	void *own = calloc(1, s->wire->task_bytes);
	if (!j || !copy || !own || secret_set(&j->token, token, strlen(token), e) < 0) {
		free(own);
		free(copy);
		free(j);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	j->hub = s->hub;
	j->site = s;
	j->id = id;
	j->own = own;
	j->reasons = copy;
	j->log = j->events = j->bell.fd = -1;
	j->next = s->hub->tasks;
	s->hub->tasks = j;
	s->jobs++;
	return j;
}

static void accepted_or_not(struct courier_call *c, const struct http_reply *r);

static void tell_state(struct courier_task *j, enum forge_state what)
{
	const struct forge_wire *w = j->site->wire;
	j->call.done = accepted_or_not;
	j->call.kind = HUB_ACCEPT;
	j->call.patient = w->patient;
	j->call.broken = w->state(j, what, &j->call.request, &j->call.built) < 0;
	call_start(&j->call, j->hub, j->site->http);
}

static void drop(struct courier_task *j, const char *why)
{
	struct courier_dropped m = { j->cookie, why };
	hub_send(j->hub, COURIER_DROPPED, &m);
	task_free(j);
}

/* --- offered --- */

static void offer_due(struct timer *t);

int task_offer(struct courier_site *s, const struct forge_offer *o, const char *body, size_t n,
	       struct err *e)
{
	autofd payload = fd_sealed("payload", body, n, e);
	struct courier_task *j = payload < 0 ? NULL : task_new(s, o->id, o->token, o->reasons, e);
	if (!j)
		return -1;
	j->cookie = ++s->hub->cookie;
	j->debug_trace = o->debug_trace;
	struct courier_job m = {
		.cookie = j->cookie,
		.idx = s->idx,
		.job_id = o->id,
		.project_id = o->project_id,
		.project_path = o->project_path,
		.token = o->token,
		.reasons = o->reasons,
		.protected_ref = o->protected_ref,
		.from_fork = o->from_fork,
		.timeout_s = o->timeout_s,
		.debug_trace = o->debug_trace,
		.payload = payload,
	};
	hub_send(s->hub, COURIER_JOB, &m);
	j->due.fire = offer_due;
	loop_timer(s->hub->loop, &j->due, PENDING_MS);
	return 0;
}

/* A supervisor that has no slot yet: the forge is told that the job is not forgotten. */
static void kept_alive(struct courier_call *c, const struct http_reply *r)
{
	struct courier_task *j = (struct courier_task *)((char *)c -
							 offsetof(struct courier_task, call));
	if (j->stage == TASK_ACCEPTING) /* the supervisor was ready in the meantime */
		tell_state(j, FORGE_ACCEPTED);
	else if (j->site->wire->accepted(j, r) == FORGE_ACCEPT_DROP)
		drop(j, "the server no longer has it for this runner");
	else
		loop_timer(j->hub->loop, &j->due, PENDING_MS);
}

static void offer_due(struct timer *t)
{
	struct courier_task *j = (struct courier_task *)((char *)t -
							 offsetof(struct courier_task, due));
	tell_state(j, FORGE_PENDING);
	j->call.done = kept_alive;
}

/* --- accepting --- */

static void accept_fired(struct timer *t)
{
	struct courier_task *j = (struct courier_task *)((char *)t - offsetof(struct courier_task,
									      accept_again));
	tell_state(j, FORGE_ACCEPTED);
}

static void go(struct courier_task *j)
{
	if (!j->refused) {
		struct courier_accepted m = { j->cookie };
		hub_send(j->hub, COURIER_ACCEPTED, &m);
	}
	j->stage = TASK_SHIPPING;
	task_watch(j);
	task_ship(j);
}

static void accepted_or_not(struct courier_call *c, const struct http_reply *r)
{
	struct courier_task *j = (struct courier_task *)((char *)c -
							 offsetof(struct courier_task, call));
	if (j->stage == TASK_DROPPING) {
		drop(j, "it was cancelled before it began");
		return;
	}
	enum forge_accept what = j->site->wire->accepted(j, r);
	bool said_yes = r->status >= 200 && r->status < 300;
	if (what == FORGE_ACCEPT_GO && !said_yes && ++j->accept_tries < ACCEPT_TRIES) {
		j->accept_again.fire = accept_fired;
		loop_timer(j->hub->loop, &j->accept_again,
			   forge_backoff_ms(j->accept_tries - 1, ACCEPT_RETRY_MS,
					    ACCEPT_RETRY_CAP_MS));
		return;
	}
	if (what == FORGE_ACCEPT_GO) {
		go(j);
	} else if (what == FORGE_ACCEPT_CANCELED) {
		j->stage = TASK_DROPPING;
		tell_state(j, FORGE_CANCELED);
	} else {
		drop(j, "the server no longer has it for this runner");
	}
}

/* No worker will ever run: the log is one line, the end is known. */
static int refuse(struct courier_task *j, const char *why, struct err *e)
{
	autobuf text = BUF(4 << 10);
	j->refused = true;
	if (buf_str(&text, "\033[31;1mERROR: Job failed (system failure): ", e) < 0)
		return -1;
	for (const char *s = why; *s; s++)
		if (buf_char(&text, (unsigned char)*s < ' ' ? ' ' : *s, e) < 0)
			return -1;
	if (buf_str(&text, "\033[0;m\n", e) < 0)
		return -1;
	j->log = fd_sealed("refused", text.p, text.len, e);
	snprintf(j->reason, sizeof j->reason, "runner_system_failure");
	j->ended = true;
	return j->log < 0 ? -1 : 0;
}

void task_ready(struct courier_hub *h, const struct courier_job_ready *r)
{
	struct err e = { 0 };
	struct courier_task *j = task_find(h, r->cookie);
	int fds[] = { r->log, r->events, r->doorbell };
	if (!j || j->stage != TASK_OFFERED) {
		struct courier_dropped gone = { r->cookie, "the courier does not know it" };
		for (size_t i = 0; i < 3; i++)
			fd_close(&fds[i]);
		if (!j)
			hub_send(h, COURIER_DROPPED, &gone);
		return;
	}
	j->log = r->log;
	j->events = r->events;
	j->bell.fd = r->doorbell;
	j->debug_trace = r->go ? r->debug_trace != 0 : j->debug_trace;
	if (!r->go && refuse(j, r->why, &e) < 0)
		log_error("a refused job has no last word", "err", e.msg, NULL);
	j->stage = TASK_ACCEPTING;
	loop_timer_clear(h->loop, &j->due);
	if (!j->call.active)
		tell_state(j, FORGE_ACCEPTED);
}

void task_adopt(struct courier_hub *h, const struct courier_adopt *a)
{
	struct err e = { 0 };
	struct courier_site *s = site_find(h, a->idx);
	struct courier_task *j = s ? task_new(s, a->job_id, a->token, a->reasons, &e) : NULL;
	if (!j) {
		int fds[] = { a->log, a->events, a->doorbell };
		for (size_t i = 0; i < 3; i++)
			fd_close(&fds[i]);
		struct courier_reported m = { a->cookie, 0, s ? e.msg : "no such registration" };
		hub_send(h, COURIER_REPORTED, &m);
		return;
	}
	j->cookie = a->cookie;
	j->debug_trace = a->debug_trace != 0;
	j->log = a->log;
	j->events = a->events;
	j->bell.fd = a->doorbell;
	j->stage = a->accepted ? TASK_SHIPPING : TASK_ACCEPTING;
	if (!a->accepted) {
		tell_state(j, FORGE_ACCEPTED);
		return;
	}
	task_watch(j);
	task_ship(j);
}

void task_free_all(struct courier_hub *h)
{
	for (struct courier_task *j = h->tasks, *next; j; j = next) {
		next = j->next;
		task_free(j);
	}
}
