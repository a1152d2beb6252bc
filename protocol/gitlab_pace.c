#include "protocol/gitlab_pace.h"

#include "base/clock.h"
#include "protocol/forge_retry.h"

enum {
	INTERVAL_MS = 3000,
	UNHEALTHY_LIMIT = 3,
	UNHEALTHY_MS = 3600 * 1000,
	CREDIT = 10,
	FAILED_CAP_MS = 30 * 1000,
};

void gitlab_pace_init(struct gitlab_pace *p)
{
	p->interval_ms = p->interval_ms ? p->interval_ms : INTERVAL_MS;
	p->concurrency = p->concurrency ? p->concurrency : 1;
	p->unhealthy_limit = p->unhealthy_limit ? p->unhealthy_limit : UNHEALTHY_LIMIT;
	p->unhealthy_ms = p->unhealthy_ms ? p->unhealthy_ms : UNHEALTHY_MS;
	p->wanted = 1;
	p->refusals = p->failures = 0;
	p->credit = CREDIT;
	p->credit_at_ms = p->started_ms = p->next_ms = 0;
}

enum gitlab_polled gitlab_polled(const struct http_reply *r)
{
	static const struct {
		int status;
		enum gitlab_polled what;
	} rows[] = {
		{ 201, GITLAB_POLL_JOB },  { 204, GITLAB_POLL_NONE },    { 409, GITLAB_POLL_BUSY },
		{ 429, GITLAB_POLL_BUSY }, { 403, GITLAB_POLL_REFUSED }, { 503, GITLAB_POLL_BUSY },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == r->status)
			return rows[i].what;
	return GITLAB_POLL_FAILED;
}

/* x rounded up, 1 .. concurrency */
static unsigned allowed(const struct gitlab_pace *p)
{
	unsigned n = (unsigned)p->wanted;
	n += p->wanted > n;
	if (n > p->concurrency)
		n = p->concurrency;
	return n ? n : 1;
}

bool gitlab_pace_may(const struct gitlab_pace *p, uint64_t now_ms, unsigned flying,
		     uint64_t *ret_at)
{
	*ret_at = flying < allowed(p) ? p->next_ms : 0;
	return flying < allowed(p) && now_ms >= p->next_ms;
}

void gitlab_pace_started(struct gitlab_pace *p, uint64_t now_ms)
{
	p->started_ms = now_ms;
	/* further requests of the same runner follow at the usual interval */
	p->next_ms = now_ms + p->interval_ms;
}

static void refill(struct gitlab_pace *p, uint64_t now_ms)
{
	uint64_t n = (now_ms - p->credit_at_ms) / p->interval_ms;
	if (n == 0)
		return;
	p->credit = n >= CREDIT - p->credit ? CREDIT : p->credit + (unsigned)n;
	p->credit_at_ms = now_ms;
}

static void adapt(struct gitlab_pace *p, const struct gitlab_poll_end *end)
{
	if (end->pushed_back)
		p->wanted *= 0.5;
	else if (end->what == GITLAB_POLL_JOB)
		p->wanted *= 1.1;
	else if (end->what == GITLAB_POLL_NONE)
		p->wanted *= 0.95;
	if (p->wanted < 1)
		p->wanted = 1;
	if (p->wanted > p->concurrency)
		p->wanted = p->concurrency;
}

/* The usual distance from the start of the last poll, with a little jitter. */
static uint64_t usual_next(const struct gitlab_pace *p, uint64_t now_ms)
{
	uint64_t at = p->started_ms + p->interval_ms + clock_jitter(p->interval_ms / 10 + 1);
	return at > now_ms ? at : now_ms;
}

static void after_failure(struct gitlab_pace *p, uint64_t now_ms)
{
	unsigned n = p->failures++;
	p->next_ms = now_ms + forge_backoff_ms(n < 8 ? n : 8, p->interval_ms, FAILED_CAP_MS);
}

static bool after_refusal(struct gitlab_pace *p, uint64_t now_ms)
{
	p->next_ms = usual_next(p, now_ms);
	if (++p->refusals < p->unhealthy_limit)
		return false;
	p->refusals = 0;
	p->next_ms = now_ms + p->unhealthy_ms;
	return true;
}

bool gitlab_pace_ended(struct gitlab_pace *p, uint64_t now_ms, struct gitlab_poll_end end)
{
	refill(p, now_ms);
	adapt(p, &end);
	if (end.what == GITLAB_POLL_REFUSED)
		return after_refusal(p, now_ms);
	p->refusals = 0;
	if (end.what == GITLAB_POLL_FAILED) {
		after_failure(p, now_ms);
		return false;
	}
	p->failures = 0;
	if (end.what == GITLAB_POLL_JOB && !p->strict) {
		p->credit = CREDIT;
		p->next_ms = now_ms;
	} else if (end.what == GITLAB_POLL_NONE && end.news && p->credit) {
		p->credit--;
		p->next_ms = now_ms;
	} else {
		p->next_ms = usual_next(p, now_ms);
	}
	return false;
}
