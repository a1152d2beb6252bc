#include "runner/spare.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/msg.h"
#include "runner/host.h"
#include "runner/slot.h"
#include "runner/slot_box.h"

#include <poll.h>
#include <stddef.h>

enum { MOMENT_MS = 30 };

static struct host *host_of(struct timer *t)
{
	return (struct host *)(void *)((char *)t - offsetof(struct host, spare.later));
}

/* It ends with its socket, or of something that a job would have met, too. */
static void worker_ended(struct role *r, int status)
{
	struct spare *s = (struct spare *)(void *)((char *)r - offsetof(struct spare, worker));
	(void)status;
	fd_close(&s->socket);
}

static void end_worker(struct spare *s)
{
	fd_close(&s->socket);
	if (!role_runs(&s->worker))
		return;
	loop_unwatch(s->worker.loop, &s->worker.exit);
	proc_wait(&s->worker.proc);
}

/* The slot that the next job gets, if it is one of those that are known. */
static unsigned next_slot(const struct host *h)
{
	unsigned n = 0;
	while (n < h->nslots && h->slots[n] && h->slots[n]->state != SLOT_FREE)
		n++;
	return n;
}

static int start_worker(struct host *h, unsigned number, struct err *e)
{
	struct spare *s = &h->spare;
	char ids[PRIV_TEXT];
	int pair[2];
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	s->socket = pair[0];
	s->number = number;
	s->worker.ended = worker_ended;
	priv_role_text(&h->priv, PRIV_WORKER, number, ids);
	struct role_start start = { .name = "worker", .ids = ids, .fds = &theirs, .nfds = 1 };
	if (role_start(&s->worker, h->loop, h->libexec, &start, e) == 0)
		return 0;
	fd_close(&s->socket);
	return -1;
}

static void moment(struct timer *t)
{
	struct host *h = host_of(t);
	struct spare *s = &h->spare;
	struct err e = { 0 };
	unsigned number = next_slot(h);
	if (number >= PRIV_SLOTS || !s->options || h->stopping)
		return;
	if (role_runs(&s->worker) && h->priv.root && s->number != number)
		end_worker(s);
	if (!role_runs(&s->worker) && start_worker(h, number, &e) < 0)
		log_info("no worker waits", "reason", e.msg, NULL);
	err_clear(&e);
	if (slot_box_prepare(h, number, s->options, &e) < 0)
		log_info("no sandbox is ready", "reason", e.msg, NULL);
}

void spare_init(struct spare *s)
{
	*s = (struct spare){ .later = { .fire = moment }, .socket = -1 };
}

void spare_expect(struct host *h, const struct slot_options *options)
{
	h->spare.options = options;
	if (options)
		loop_timer(h->loop, &h->spare.later, MOMENT_MS);
}

/* Its end is an event that the loop may not have come to. */
static bool has_ended(const struct spare *s)
{
	struct pollfd end[] = { { .fd = s->socket, .events = POLLRDHUP },
				{ .fd = s->worker.proc.pidfd, .events = POLLIN } };
	return poll(end, 2, 0) > 0;
}

int spare_take(struct host *h, unsigned number, struct role *ret)
{
	struct spare *s = &h->spare;
	struct err e = { 0 };
	if (!role_runs(&s->worker) || (h->priv.root && s->number != number))
		return -1;
	if (has_ended(s)) {
		log_warn("the waiting worker has ended: another one is started", NULL);
		end_worker(s);
		return -1;
	}
	if (role_move(&s->worker, ret, &e) == 0)
		return fd_take(&s->socket);
	log_warn("the waiting worker", "err", e.msg, NULL);
	end_worker(s);
	return -1;
}

void spare_done(struct host *h)
{
	loop_timer_clear(h->loop, &h->spare.later);
	end_worker(&h->spare);
}
