/* The way of a job's journal to its forge. */
#include "runner/courier_task.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "protocol/gitlab_reply.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
	RINGS_HEARD = 8,
	MUTE_MIN_MS = 20,
	MUTE_MAX_MS = 100,
	CRC_CHUNK = 16 << 10,
	CRC_STEP = 4 << 20
};

/* --- what the journal says --- */

static void take_verdict(struct courier_task *j, const struct journal_record *r)
{
	uint64_t code;
	j->success = strcmp(journal_get(r, "state"), "success") == 0;
	snprintf(j->reason, sizeof j->reason, "%s", journal_get(r, "reason"));
	j->exit_code = str_u64(journal_get(r, "exit"), INT32_MAX, &code) ? (int)code : 0;
}

/* The events first: when they say that the log is whole, the size that is read then is its end. */
static void read_events(struct courier_task *j)
{
	struct journal_record r;
	struct err e = { 0 };
	while (j->events >= 0 && !j->trace.ended) {
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
		j->trace.ended = strcmp(r.kind, "end") == 0;
		journal_record_done(&r);
	}
	if (j->bell.fd < 0)
		j->trace.ended = true; /* nobody is left to write */
}

static void look(struct courier_task *j)
{
	struct stat st;
	if (!j->trace.ended)
		read_events(j);
	if (j->log >= 0 && fstat(j->log, &st) == 0)
		j->trace.size = (uint64_t)st.st_size;
}

/* The checksum of the first `to` bytes, from where it was left. False: the log cannot be read. */
static bool crc_to(struct courier_task *j, uint64_t to)
{
	char b[CRC_CHUNK];
	if (j->crc_at > to) {
		j->crc = 0;
		j->crc_at = 0;
	}
	while (j->crc_at < to) {
		size_t want = to - j->crc_at < sizeof b ? (size_t)(to - j->crc_at) : sizeof b;
		ssize_t n = pread(j->log, b, want, (off_t)j->crc_at);
		if (n <= 0)
			return false;
		j->crc = (uint32_t)crc32(j->crc, (const unsigned char *)b, (unsigned)n);
		j->crc_at += (uint64_t)n;
	}
	return true;
}

/* --- requests --- */

static void heard(struct courier_call *c, const struct http_reply *r);

static int build(struct courier_task *j)
{
	struct err *e = &j->call.built;
	struct gitlab_runner g = site_runner(j->site);
	struct gitlab_job wire = { j->id, secret_expose(&j->token), j->debug_trace };
	struct gitlab_span span = { j->asked.off, j->asked.len };
	if (j->asked.todo == GITLAB_SEND)
		return gitlab_patch(&g, &wire, span, &j->call.request, e);
	if (!crc_to(j, j->asked.off))
		log_warn("a job's log cannot be read again for its checksum", NULL);
	struct gitlab_update u = {
		.state = "running",
		.reason = "",
		.has_output = true,
		.crc = j->crc,
		.size = j->crc_at,
	};
	if (j->asked.todo == GITLAB_FINAL) {
		u.state = j->success ? "success" : "failed";
		u.exit_code = j->success ? 0 : j->exit_code;
		if (!j->success)
			u.reason = gitlab_reason_among(j->reason, j->known, j->nknown);
	}
	return gitlab_update(&g, &wire, &u, &j->call.request, e);
}

static void ask(struct courier_task *j)
{
	static const enum hub_call kinds[] = {
		[GITLAB_SEND] = HUB_TRACE,
		[GITLAB_ALIVE] = HUB_ALIVE,
		[GITLAB_FINAL] = HUB_FINAL,
	};
	j->call.done = heard;
	j->call.kind = kinds[j->asked.todo];
	j->call.body_fd = j->log;
	j->call.broken = build(j) < 0;
	call_start(&j->call, j->hub, j->site->http);
	if (j->asked.todo == GITLAB_SEND) /* a part at a time, while the piece is on its way */
		crc_to(j,
		       j->asked.off - j->crc_at < CRC_STEP ? j->asked.off : j->crc_at + CRC_STEP);
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
	uint64_t before = j->trace.sent;
	enum gitlab_news news = gitlab_trace_heard(&j->trace, clock_ms(), &j->asked, r);
	if (r->status == 412 || j->trace.sent < before) { /* read again from the file */
		j->crc = 0;
		j->crc_at = 0;
	}
	if (news != GITLAB_NO_NEWS)
		cancel(j, news == GITLAB_CANCEL);
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
	if (j->bell.fd < 0)
		return;
	j->armed = loop_watch(j->hub->loop, &j->bell, EPOLLIN, &e) == 0;
	if (!j->armed)
		log_error("a job's doorbell cannot be watched", "err", e.msg, NULL);
}

static void report(struct courier_task *j)
{
	struct courier_reported m = { j->cookie, j->trace.delivered, j->trace.text };
	char id[STR_NUM];
	if (!j->trace.delivered)
		log_error("a job's result could not be delivered", "job", str_num(id, j->id), "err",
			  j->trace.text, NULL);
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
	j->asked = gitlab_trace_next(&j->trace, now);
	if (j->asked.todo == GITLAB_OVER) {
		report(j);
	} else if (j->asked.todo == GITLAB_WAIT) {
		wait_until(j, j->asked.at_ms, now);
	} else {
		arm(j, false);
		ask(j);
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
	free(j->reasons);
	for (struct courier_task **at = &j->hub->tasks; *at; at = &(*at)->next)
		if (*at == j) {
			*at = j->next;
			break;
		}
	free(j);
	site_job_gone(s);
}
