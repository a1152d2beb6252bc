/* GitLab in the courier: a job is accepted, its log goes out by byte offsets with a checksum of all that
 * went, its end is told. */
#include "runner/courier_gitlab.h"

#include "base/clock.h"
#include "base/log.h"
#include "protocol/gitlab_reason.h"
#include "protocol/gitlab_reply.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CRC_CHUNK = 16 << 10, CRC_STEP = 4 << 20 };

static struct gitlab_task *own_of(const struct courier_task *j)
{
	return j->own;
}

/* --- before it runs --- */

static void split_reasons(struct courier_task *j)
{
	struct gitlab_task *own = own_of(j);
	char *save = NULL;
	if (own->nknown)
		return;
	for (char *s = strtok_r(j->reasons, ",", &save); s && own->nknown < GITLAB_KNOWN_REASONS;
	     s = strtok_r(NULL, ",", &save))
		own->known[own->nknown++] = s;
}

static struct gitlab_job job_of(const struct courier_task *j)
{
	return (struct gitlab_job){ j->id, secret_expose(&j->token), j->debug_trace };
}

int gitlab_task_state(struct courier_task *j, enum forge_state what, struct forge_request *ret,
		      struct err *e)
{
	static const char *const states[] = {
		[FORGE_PENDING] = "pending",
		[FORGE_ACCEPTED] = "running",
		[FORGE_CANCELED] = "failed",
	};
	struct gitlab_runner g = gitlab_site_runner(j->site);
	struct gitlab_job wire = job_of(j);
	struct gitlab_update u = { .state = states[what], .reason = "" };
	split_reasons(j);
	if (what == FORGE_CANCELED)
		u.reason = gitlab_reason_among("job_canceled", own_of(j)->known, own_of(j)->nknown);
	return gitlab_update(&g, &wire, &u, ret, e);
}

enum forge_accept gitlab_task_accepted(struct courier_task *j, const struct http_reply *r)
{
	static const enum forge_accept meaning[] = {
		[GITLAB_ACCEPT_GO] = FORGE_ACCEPT_GO,
		[GITLAB_ACCEPT_DROP] = FORGE_ACCEPT_DROP,
		[GITLAB_ACCEPT_CANCELED] = FORGE_ACCEPT_CANCELED,
	};
	(void)j;
	return meaning[gitlab_accept_read(r)];
}

/* --- while it runs --- */

void gitlab_task_begin(struct courier_task *j, uint64_t now_ms)
{
	split_reasons(j);
	gitlab_trace_init(&own_of(j)->trace, j->site->final_retries, now_ms);
}

void gitlab_task_event(struct courier_task *j, const struct journal_record *r)
{
	(void)j; /* GitLab is told of bytes and of the end, nothing between */
	(void)r;
}

static const enum hub_call kinds[] = {
	[GITLAB_SEND] = HUB_TRACE,
	[GITLAB_ALIVE] = HUB_ALIVE,
	[GITLAB_FINAL] = HUB_FINAL,
};

struct forge_next gitlab_task_next(struct courier_task *j, uint64_t now_ms)
{
	struct gitlab_task *own = own_of(j);
	own->trace.size = j->size;
	own->trace.ended = j->ended;
	own->asked = gitlab_trace_next(&own->trace, now_ms);
	if (own->asked.todo == GITLAB_OVER)
		return (struct forge_next){ .todo = FORGE_OVER,
					    .delivered = own->trace.delivered,
					    .text = own->trace.text };
	if (own->asked.todo == GITLAB_WAIT)
		return (struct forge_next){ .todo = FORGE_WAIT, .at_ms = own->asked.at_ms };
	return (struct forge_next){ .todo = FORGE_ASK, .call = kinds[own->asked.todo] };
}

/* The checksum of the first `to` bytes, from where it was left. False: the log cannot be read. */
static bool crc_to(struct courier_task *j, uint64_t to)
{
	struct gitlab_task *own = own_of(j);
	char b[CRC_CHUNK];
	if (own->crc_at > to) {
		own->crc = 0;
		own->crc_at = 0;
	}
	while (own->crc_at < to) {
		size_t want = to - own->crc_at < sizeof b ? (size_t)(to - own->crc_at) : sizeof b;
		ssize_t n = pread(j->log, b, want, (off_t)own->crc_at);
		if (n <= 0)
			return false;
		own->crc = (uint32_t)crc32(own->crc, (const unsigned char *)b, (unsigned)n);
		own->crc_at += (uint64_t)n;
	}
	return true;
}

int gitlab_task_build(struct courier_task *j, struct forge_request *ret, struct err *e)
{
	struct gitlab_task *own = own_of(j);
	struct gitlab_runner g = gitlab_site_runner(j->site);
	struct gitlab_job wire = job_of(j);
	struct gitlab_span span = { own->asked.off, own->asked.len };
	if (own->asked.todo == GITLAB_SEND)
		return gitlab_patch(&g, &wire, span, ret, e);
	if (!crc_to(j, own->asked.off))
		log_warn("a job's log cannot be read again for its checksum", NULL);
	struct gitlab_update u = {
		.state = "running",
		.reason = "",
		.has_output = true,
		.crc = own->crc,
		.size = own->crc_at,
	};
	if (own->asked.todo == GITLAB_FINAL) {
		u.state = j->success ? "success" : "failed";
		u.exit_code = j->success ? 0 : j->exit_code;
		if (!j->success)
			u.reason = gitlab_reason_among(j->reason, own->known, own->nknown);
	}
	return gitlab_update(&g, &wire, &u, ret, e);
}

/* A part of the checksum at a time, while the piece is on its way. */
void gitlab_task_busy(struct courier_task *j)
{
	struct gitlab_task *own = own_of(j);
	uint64_t off = own->asked.off;
	if (own->asked.todo == GITLAB_SEND)
		crc_to(j, off - own->crc_at < CRC_STEP ? off : own->crc_at + CRC_STEP);
}

enum forge_news gitlab_task_heard(struct courier_task *j, uint64_t now_ms,
				  const struct http_reply *r)
{
	static const enum forge_news meaning[] = {
		[GITLAB_NO_NEWS] = FORGE_NO_NEWS,
		[GITLAB_CANCEL] = FORGE_CANCEL,
		[GITLAB_ABORT] = FORGE_ABORT,
	};
	struct gitlab_task *own = own_of(j);
	uint64_t before = own->trace.sent;
	enum gitlab_news news = gitlab_trace_heard(&own->trace, now_ms, &own->asked, r);
	if (r->status == 412 || own->trace.sent < before) { /* read again from the file */
		own->crc = 0;
		own->crc_at = 0;
	}
	return meaning[news];
}
