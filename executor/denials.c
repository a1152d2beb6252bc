#include "executor/denials.h"

#include <stdio.h>
#include <string.h>

void denials_add(struct denials *d, const char *call)
{
	size_t i = 0;
	d->total++;
	while (i < d->n && strcmp(d->rows[i].call, call) != 0)
		i++;
	if (i == DENIALS_CALLS)
		return;
	if (i == d->n)
		snprintf(d->rows[d->n++].call, SANDBOX_CALL, "%s", call);
	d->rows[i].times++;
}

static int add(struct buf *out, const char *call, uint32_t times, struct err *e)
{
	const char *comma = out->len ? "; " : "";
	if (times == 1)
		return buf_printf(out, e, "%s%s, once", comma, call);
	return buf_printf(out, e, "%s%s, %u times", comma, call, times);
}

int denials_text(const struct denials *d, struct buf *out, struct err *e)
{
	uint32_t others = d->total;
	for (size_t i = 0; i < d->n; i++) {
		if (add(out, d->rows[i].call, d->rows[i].times, e) < 0)
			return -1;
		others -= d->rows[i].times;
	}
	if (others && add(out, "other calls", others, e) < 0)
		return -1;
	if (d->total >= DENIALS_MAX)
		return buf_str(out, "; further ones were not counted", e);
	return 0;
}
