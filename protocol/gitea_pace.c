#include "protocol/gitea_pace.h"

#include "base/clock.h"
#include "protocol/forge_retry.h"

enum {
	INTERVAL_MS = 1000,
	OLD_FACTOR = 2,
	FAILED_CAP_MS = 30 * 1000,
	REFUSED_MS = 60 * 1000,
};

struct idle_row {
	uint64_t after_ms;
	unsigned factor;
};

/* The longer nothing has happened, the more rarely it is asked. */
static const struct idle_row idle[] = {
	{ 0, 1 },
	{ 10 * 60 * 1000, 2 },
	{ 60 * 60 * 1000, 5 },
};

void gitea_pace_init(struct gitea_pace *p, unsigned interval_ms, uint64_t now_ms)
{
	*p = (struct gitea_pace){
		.interval_ms = interval_ms ? interval_ms : INTERVAL_MS,
		.news_ms = now_ms,
	};
}

static uint64_t usual_ms(const struct gitea_pace *p, uint64_t now_ms)
{
	unsigned factor = 1;
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (now_ms - p->news_ms >= idle[i].after_ms)
			factor = idle[i].factor;
	if (p->old && factor < OLD_FACTOR)
		factor = OLD_FACTOR;
	uint64_t ms = (uint64_t)p->interval_ms * factor;
	return ms - ms / 10 + clock_jitter(ms / 10 + 1); /* never more than was promised */
}

void gitea_pace_fetched(struct gitea_pace *p, uint64_t now_ms, const struct gitea_fetched *f)
{
	p->failures = 0;
	p->old = !f->task && f->version == 0;
	if (f->task || f->version != p->version)
		p->news_ms = now_ms;
	p->version = f->task ? 0 : f->version; /* there may be more */
	p->next_ms = f->task ? now_ms : now_ms + usual_ms(p, now_ms);
}

void gitea_pace_failed(struct gitea_pace *p, uint64_t now_ms, bool refused)
{
	unsigned n = p->failures < 8 ? p->failures++ : 8;
	uint64_t ms = forge_backoff_ms(n, p->interval_ms, FAILED_CAP_MS);
	p->next_ms = now_ms + (refused && ms < REFUSED_MS ? REFUSED_MS : ms);
	p->version = 0;
}
