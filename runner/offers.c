#include "runner/offers.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>

static void offer_free(struct offer *o)
{
	fd_close(&o->job.payload);
	arena_done(&o->texts);
	free(o);
}

int offers_keep(struct offer **list, struct courier_job *j, struct err *e)
{
	struct offer *o = calloc(1, sizeof *o);
	if (!o)
		return err_set(e, ENOMEM, "out of memory");
	*o = (struct offer){ .job = *j, .texts = ARENA(1 << 20) };
	j->payload = -1;
	o->job.project_path = arena_strdup(&o->texts, j->project_path, e);
	o->job.token = arena_strdup(&o->texts, j->token, e);
	o->job.reasons = arena_strdup(&o->texts, j->reasons, e);
	if (!o->job.project_path || !o->job.token || !o->job.reasons) {
		offer_free(o);
		return -1;
	}
	while (*list)
		list = &(*list)->next;
	*list = o;
	return 0;
}

void offers_drop(struct offer **list, uint64_t cookie)
{
	while (*list && (*list)->job.cookie != cookie)
		list = &(*list)->next;
	struct offer *gone = *list;
	if (!gone)
		return;
	*list = gone->next;
	offer_free(gone);
}

void offers_clear(struct offer **list)
{
	while (*list)
		offers_drop(list, (*list)->job.cookie);
}

unsigned offers_count(const struct offer *list)
{
	unsigned n = 0;
	for (; list; list = list->next)
		n++;
	return n;
}
