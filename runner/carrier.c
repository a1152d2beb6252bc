/* What uploads and downloads share: the worker is told, time and attempts are counted. */
#include "runner/carrier.h"

#include "base/clock.h"
#include "protocol/forge_retry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { HOUR_S = 3600, NOTE_BYTES = 600, WAIT_MS = 1000, WAIT_CAP_MS = 5000 };

void carrier_note(struct carrier *c, const char *fmt, ...)
{
	char text[NOTE_BYTES];
	struct err e = { 0 };
	va_list ap;
	automsg m;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	msg_init(&m, CARRIER_NOTE);
	msg_put_str(&m, text);
	(void)!msg_send(c->sock, &m, &e); /* one that is not heard is no loss */
}

void carrier_begin(struct carrier_plan *p, unsigned timeout_s)
{
	*p = (struct carrier_plan){
		.end_ms = clock_ms() + (uint64_t)(timeout_s ? timeout_s : HOUR_S) * 1000,
	};
}

unsigned carrier_left_ms(const struct carrier_plan *p)
{
	uint64_t now = clock_ms();
	uint64_t left = p->end_ms > now ? p->end_ms - now : 1;
	return left > INT32_MAX ? INT32_MAX : (unsigned)left;
}

struct pause {
	struct timer timer;
	bool over;
};

static void pause_over(struct timer *t)
{
	((struct pause *)(void *)t)->over = true;
}

int carrier_pause(struct carrier *c, uint64_t ms, struct err *e)
{
	struct pause p = { .timer = { .fire = pause_over } };
	loop_timer(c->loop, &p.timer, ms);
	int r = loop_until(c->loop, &p.over, e);
	loop_timer_clear(c->loop, &p.timer);
	return r;
}

int carrier_again(struct carrier *c, struct carrier_plan *p, unsigned most, const struct err *why)
{
	struct err e = { 0 };
	uint64_t ms = forge_backoff_ms(p->failures, WAIT_MS, WAIT_CAP_MS);
	if (++p->failures >= most || clock_ms() + ms >= p->end_ms)
		return -1;
	carrier_note(c, "WARNING: %s; attempt %u of %u follows", why->msg, p->failures + 1, most);
	return carrier_pause(c, ms, &e);
}
