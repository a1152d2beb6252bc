#include "base/clock.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static uint64_t now_us(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

uint64_t clock_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

void clock_text(uint64_t wall_us, char *out)
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	size_t n = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT - n, ".%06uZ", (unsigned)(wall_us % 1000000));
}

uint64_t clock_jitter(uint64_t below)
{
	uint64_t r = 0;
	if (below == 0 || getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		return 0;
	return r % below;
}
