#include "protocol/forge_retry.h"

#include "base/clock.h"
#include "base/str.h"

#include <time.h>

enum { FIRST_MS = 100, BACKOFF_CAP_MS = 60 * 1000 };

uint64_t forge_backoff_ms(unsigned n, uint64_t base_ms, uint64_t cap_ms)
{
	uint64_t ms = base_ms;
	for (; n && ms < cap_ms; n--)
		ms *= 2;
	if (ms > cap_ms)
		ms = cap_ms;
	return ms - ms / 2 + clock_jitter(ms / 2 + 1);
}

static bool is_retriable(int status)
{
	static const int listed[] = { 408, 429, 500, 502, 503, 504 };
	for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
		if (status == listed[i])
			return true;
	return status >= 512;
}

/* What the server asks for, in milliseconds; 0 when it names nothing that is in the future. */
static uint64_t asked_ms(const struct http_reply *r, uint64_t wall_s)
{
	char text[64];
	struct tm t = { 0 };
	uint64_t seconds;
	if (http_header(r, "RateLimit-ResetTime", text, sizeof text) &&
	    strptime(text, "%a, %d %b %Y %H:%M:%S", &t)) {
		int64_t at = (int64_t)timegm(&t);
		if (at > (int64_t)wall_s)
			return ((uint64_t)at - wall_s) * 1000;
	}
	if (http_header(r, "Retry-After", text, sizeof text) && str_u64(text, UINT32_MAX, &seconds))
		return seconds * 1000;
	return 0;
}

bool forge_retry_again(struct forge_retry *t, const struct http_reply *r, uint64_t wall_s,
		       uint64_t *ret_ms)
{
	if (!is_retriable(r->status))
		return false;
	t->pushed_back = true;
	if (++t->attempts >= FORGE_ATTEMPTS)
		return false;
	uint64_t ms = asked_ms(r, wall_s);
	if (ms > FORGE_RETRY_CAP_MS)
		ms = FORGE_RETRY_CAP_MS;
	*ret_ms = ms ? ms + clock_jitter(ms / 10 + 1)
		     : forge_backoff_ms(t->attempts - 1, FIRST_MS, BACKOFF_CAP_MS);
	return true;
}
