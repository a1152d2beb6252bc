/* The way of a job's journal to its forge. */
#include "runner/courier_task.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum {
	RINGS_HEARD = 8,
	MUTE_MIN_MS = 20,
	MUTE_MAX_MS = 100,
};

/* --- what the journal says --- */

static void take_verdict(struct courier_task *j, const struct journal_record *r)
{
	uint64_t code;
	j->success = strcmp(journal_get(r, "state"), "success") == 0;
	snprintf(j->reason, sizeof j->reason, "%s", journal_get(r, "reason"));
	snprintf(j->fault, sizeof j->fault, "%s", journal_get(r, "fault"));
	j->exit_code = str_u64(journal_get(r, "exit"), INT32_MAX, &code) ? (int)code : 0;
}

/* The events first: when they say that the log is whole, the size that is read then is its end. */
static void read_events(struct courier_task *j)
{
	struct journal_record r;
	struct err e = { 0 };
	while (j->events >= 0 && !j->ended) {
		err_clear(&e);
		int n = journal_next(&j->reader, &r, &e);
		if (n == 0)
			break;
		if (n < 0 && e.code == EBADMSG)
			continue;
		if (n < 0) { /* a line without end: go on behind it */
			buf_clear(&j->reader.rest);
			break;
		}
		if (strcmp(r.kind, "verdict") == 0)
			take_verdict(j, &r);
		j->site->wire->event(j, &r);
		j->ended = strcmp(r.kind, "end") == 0;
		journal_record_done(&r);
	}
	if (j->bell.fd < 0)
		j->ended = true; /* nobody is left to write */
}

static void look(struct courier_task *j)
{
	struct stat st;
	if (!j->ended)
		read_events(j);
	if (j->log >= 0 && fstat(j->log, &st) == 0)
		j->size = (uint64_t)st.st_size;
}

/* --- requests --- */

static void heard(struct courier_call *c, const struct http_reply *r);

static void ask(struct courier_task *j, enum hub_call kind)
{
	const struct forge_wire *w = j->site->wire;
	j->call.done = heard;
	j->call.kind = kind;
	j->call.patient = w->patient;
	j->call.body_fd = j->log;
	j->call.broken = w->build(j, &j->call.request, &j->call.built) < 0;
	call_start(&j->call, j->hub, j->site->http);
	if (w->busy)
		w->busy(j);
}

static void cancel(struct courier_task *j, bool graceful)
{
	struct courier_cancel m = { j->cookie, graceful };
	if (!j->refused)
		hub_send(j->hub, COURIER_CANCEL, &m);
}

static void heard(struct courier_call *c, const struct http_reply *r)
{
	struct courier_task *j = (struct courier_task *)((char *)c -
							 offsetof(struct courier_task, call));
	enum forge_news news = j->site->wire->heard(j, clock_ms(), r);
	if (news != FORGE_NO_NEWS)
		cancel(j, news == FORGE_CANCEL);
	task_ship(j);
}

/* --- waiting --- */

static void arm(struct courier_task *j, bool on)
{
	struct err e = { 0 };
	if (j->bell.fd < 0 || j->armed == on)
		return;
	if (loop_change(j->hub->loop, &j->bell, on ? EPOLLIN : 0, &e) == 0)
		j->armed = on;
}

/* Nothing is due before at_ms (0: nothing but a ring). A bell that keeps ringing is not listened to
 * for a moment, so that a job that prints line by line does not wake us for each. */
static void wait_until(struct courier_task *j, uint64_t at_ms, uint64_t now)
{
	uint64_t ear = j->rang_ms + j->mute_ms;
	bool mute = j->mute_ms && now < ear;
	if (mute && (!at_ms || ear < at_ms))
		at_ms = ear;
	arm(j, !mute);
	if (at_ms)
		loop_timer(j->hub->loop, &j->due, at_ms > now ? at_ms - now : 0);
}

static void due_fired(struct timer *t)
{
	task_ship((struct courier_task *)((char *)t - offsetof(struct courier_task, due)));
}

static void rang(struct source *s, uint32_t events)
{
	struct courier_task *j = (struct courier_task *)((char *)s -
							 offsetof(struct courier_task, bell));
	uint64_t n, now = clock_ms();
	if (events & (EPOLLERR | EPOLLHUP)) { /* no eventfd at all: rely on time */
		loop_unwatch(j->hub->loop, s);
		j->armed = false;
		return;
	}
	ssize_t ignored = read(s->fd, &n, sizeof n);
	(void)ignored;
	if (now - j->window_ms > MUTE_MAX_MS) {
		j->window_ms = now;
		j->rings = 0;
	}
	j->rang_ms = now;
	j->mute_ms = ++j->rings <= RINGS_HEARD ? 0 : j->mute_ms ? MUTE_MAX_MS : MUTE_MIN_MS;
	task_ship(j);
}

void task_watch(struct courier_task *j)
{
	struct err e = { 0 };
	j->due.fire = due_fired;
	j->bell.ready = rang;
	journal_reader_init(&j->reader, j->events);
	j->site->wire->begin(j, clock_ms());
	if (j->bell.fd < 0)
		return;
	j->armed = loop_watch(j->hub->loop, &j->bell, EPOLLIN, &e) == 0;
	if (!j->armed)
		log_error("a job's doorbell cannot be watched", "err", e.msg, NULL);
}

static void report(struct courier_task *j, const struct forge_next *end)
{
	struct courier_reported m = { j->cookie, end->delivered, end->text };
	char id[STR_NUM];
	if (!end->delivered)
		log_error("a job's result could not be delivered", "job", str_num(id, j->id), "err",
			  end->text, NULL);
	hub_tell_counts(j->hub);
	hub_send(j->hub, COURIER_REPORTED, &m);
	task_free(j);
}

void task_ship(struct courier_task *j)
{
	uint64_t now = clock_ms();
	if (j->call.active || j->stage != TASK_SHIPPING)
		return;
	loop_timer_clear(j->hub->loop, &j->due);
	look(j);
	struct forge_next next = j->site->wire->next(j, now);
	if (next.todo == FORGE_OVER) {
		report(j, &next);
	} else if (next.todo == FORGE_WAIT) {
		wait_until(j, next.at_ms, now);
	} else {
		arm(j, false);
		ask(j, next.call);
	}
}

void task_free(struct courier_task *j)
{
	struct courier_site *s = j->site;
	call_cancel(&j->call);
	loop_timer_clear(j->hub->loop, &j->due);
	loop_timer_clear(j->hub->loop, &j->accept_again);
	if (j->bell.fd >= 0)
		loop_unwatch(j->hub->loop, &j->bell);
	fd_close(&j->bell.fd);
	fd_close(&j->log);
	fd_close(&j->events);
	journal_reader_done(&j->reader);
	secret_done(&j->token);
	if (s->wire->done)
		s->wire->done(j);
	free(j->own);
	free(j->reasons);
	for (struct courier_task **at = &j->hub->tasks; *at; at = &(*at)->next)
		if (*at == j) {
			*at = j->next;
			break;
		}
	free(j);
	site_job_gone(s);
}
