#include "runner/reports.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int reports_add(struct reports *r, uint64_t cookie, const char *name, const struct slot_label *l,
		struct err *e)
{
	struct report *new = calloc(1, sizeof *new);
	if (!new)
		return err_set(e, ENOMEM, "out of memory");
	new->cookie = cookie;
	snprintf(new->name, sizeof new->name, "%s", name);
	new->label = *l;
	new->since_ms = clock_ms();
	new->next = r->first;
	r->first = new;
	r->n++;
	return 0;
}

bool reports_done(struct reports *r, uint64_t cookie)
{
	struct report **at = &r->first;
	while (*at && (*at)->cookie != cookie)
		at = &(*at)->next;
	struct report *gone = *at;
	if (!gone)
		return false;
	*at = gone->next;
	r->n--;
	sweep_remove(r->host, gone->name);
	free(gone);
	return true;
}

void reports_free(struct reports *r)
{
	while (r->first) {
		struct report *gone = r->first;
		r->first = gone->next;
		free(gone);
	}
	r->n = 0;
}
