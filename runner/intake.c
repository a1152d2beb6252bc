#include "runner/intake.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/slot_end.h"

#include <fcntl.h>
#include <inttypes.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct slot *intake_slot(const struct intake *in, uint64_t cookie)
{
	for (unsigned n = 0; n < in->host->nslots; n++) {
		struct slot *s = in->host->slots[n];
		if (s && s->state != SLOT_FREE && s->cookie == cookie)
			return s;
	}
	return NULL;
}

static unsigned running(const struct intake *in)
{
	unsigned n = 0;
	for (unsigned i = 0; i < in->host->nslots; i++)
		n += in->host->slots[i] && in->host->slots[i]->state != SLOT_FREE;
	return n;
}

unsigned intake_busy(const struct intake *in)
{
	return running(in) + in->reports.n + offers_count(in->offers);
}

static void changed(struct intake *in)
{
	if (in->ops && in->ops->changed)
		in->ops->changed(in->arg);
}

void intake_capacity(struct intake *in)
{
	unsigned busy = running(in), all = (unsigned)in->registry->config->concurrent;
	bool more = all > busy && disk_floor_has_room(&in->floor);
	struct courier_capacity c = { .slots = more ? all - busy : 0, .seen = in->seen };
	courier_link_say(&in->courier, COURIER_CAPACITY, &c);
	changed(in);
}

/* --- a job comes -------------------------------------------------------------------------------- */

static int write_meta(const struct courier_job *j, const struct registry_row *r,
		      const struct slot *s, struct buf *out, struct err *e)
{
	const struct meta meta = {
		.kind = "forge",
		.registration = r->wire.name,
		.forge = r->wire.forge,
		.token = j->token,
		.reasons = j->reasons,
		.project = j->project_path,
		.url = r->wire.url,
		.ca_file = r->wire.ca_file,
		.cert_file = r->wire.cert_file,
		.key_file = r->wire.key_file,
		.proxy = r->wire.proxy,
		.no_proxy = r->wire.no_proxy,
		.job_id = j->job_id,
		.project_id = j->project_id,
		.debug_trace = j->debug_trace,
		.slot = s->number,
	};
	return meta_write(&meta, out, e);
}

/* CI_CONCURRENT_PROJECT_ID: the lowest number that no running job of the project has. */
static uint64_t project_number(const struct intake *in, uint64_t project)
{
	for (uint64_t n = 0;; n++) {
		bool taken = false;
		for (unsigned i = 0; i < in->host->nslots; i++) {
			const struct slot *s = in->host->slots[i];
			taken |= s && s->state != SLOT_FREE && s->project_id == project &&
				 s->project_number == n;
		}
		if (!taken)
			return n;
	}
}

static int begin(struct intake *in, struct slot *s, struct courier_job *j, struct err *e)
{
	const struct registry_row *r = registry_at(in->registry, j->idx);
	char name[96];
	if (!r || r->gone)
		return err_set(e, ENOENT, "its registration is no longer configured");
	struct buf meta = BUF(64 << 10);
	snprintf(name, sizeof name, "%" PRIu64 "-%" PRIx64, j->job_id, clock_wall_us());
	struct slot_job job = {
		.name = name,
		.payload = j->payload,
		.cookie = j->cookie,
		.id = j->job_id,
		.project_id = j->project_id,
		.timeout_s = j->timeout_s,
		.protected_ref = j->protected_ref != 0,
		.from_fork = j->from_fork != 0,
		.registration = r->wire.name,
		.project = j->project_path,
		.settings = r->settings,
		.options = &r->slot,
	};
	job.settings.concurrent_id = s->number;
	job.settings.concurrent_project_id = project_number(in, j->project_id);
	int r2 = write_meta(j, r, s, &meta, e);
	job.meta = buf_cstr(&meta);
	if (r2 == 0)
		r2 = slot_start(s, &job, e);
	buf_wipe(&meta);
	if (r2 < 0)
		return err_wrap(e, "job %" PRIu64, j->job_id);
	s->over = intake_over;
	s->owner = in;
	s->registry = in->registry;
	s->project_number = job.settings.concurrent_project_id;
	in->registry->users++;
	registry_begun(in->registry, j->idx);
	spare_expect(in->host, &r->slot);
	return 0;
}

static void answer(struct intake *in, struct courier_job *j, struct slot *s)
{
	struct err e = { 0 };
	struct courier_job_ready ready = {
		.cookie = j->cookie, .why = "", .log = -1, .events = -1, .doorbell = -1
	};
	if (begin(in, s, j, &e) == 0) {
		ready.go = 1;
		ready.debug_trace = j->debug_trace;
		ready.log = s->log;
		ready.events = s->events;
		ready.doorbell = s->doorbell;
	} else {
		log_error("a job cannot be begun", "err", e.msg, NULL);
		ready.why = e.msg;
	}
	courier_link_say(&in->courier, COURIER_JOB_READY, &ready);
}

static struct slot *free_slot(struct intake *in)
{
	bool more = running(in) < in->registry->config->concurrent;
	bool room = in->draining || disk_floor_has_room(&in->floor); /* a drain has an end */
	return more && room ? host_slot(in->host) : NULL;
}

static void serve_offers(struct intake *in)
{
	struct slot *s;
	while (in->offers && (s = free_slot(in)) != NULL) {
		answer(in, &in->offers->job, s);
		offers_drop(&in->offers, in->offers->job.cookie);
	}
}

static void look_again(struct timer *t)
{
	struct disk_floor *f = (struct disk_floor *)(void *)((char *)t -
							     offsetof(struct disk_floor, again));
	struct intake *in = (struct intake *)(void *)((char *)f - offsetof(struct intake, floor));
	serve_offers(in);
	intake_capacity(in);
}

static void on_job(void *arg, struct courier_job *j)
{
	struct intake *in = arg;
	struct err e = { 0 };
	in->seen = j->cookie;
	struct slot *s = in->offers ? NULL : free_slot(in);
	if (s)
		answer(in, j, s);
	else if (offers_keep(&in->offers, j, &e) < 0)
		log_error("a job cannot be kept", "err", e.msg, NULL);
	fd_close(&j->payload);
	intake_capacity(in);
}

static void on_accepted(void *arg, const struct courier_accepted *a)
{
	struct intake *in = arg;
	struct slot *s = intake_slot(in, a->cookie);
	if (!s)
		return;
	autofd mark = openat(s->dir, "accepted", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (mark < 0)
		log_warn("accepted mark", "job", s->name, NULL);
	slot_go(s);
	if (in->ops && in->ops->started)
		in->ops->started(in->arg, s);
	changed(in);
}

static void on_dropped(void *arg, const struct courier_dropped *d)
{
	struct intake *in = arg;
	struct slot *s = intake_slot(in, d->cookie);
	if (!s) { /* it waited for a slot, or its worker died in the meantime */
		offers_drop(&in->offers, d->cookie);
		reports_done(&in->reports, d->cookie);
		changed(in);
		return;
	}
	log_info("the forge takes the job back", "job", s->name, "why", d->why, NULL);
	s->dropped = true;
	slot_drop(s);
}

static void on_cancel(void *arg, const struct courier_cancel *c)
{
	struct slot *s = intake_slot(arg, c->cookie);
	if (s)
		slot_cancel(s, c->graceful ? GATE_CANCEL_GRACEFUL : GATE_CANCEL_ABORT);
}

/* --- a job goes --------------------------------------------------------------------------------- */

/* As long as there is one of whose jobs the next may be: the one whose job came last, or any. */
static void expect(struct intake *in)
{
	const struct slot_options *options = in->host->spare.options;
	for (size_t i = 0; !options && i < in->registry->n; i++)
		if (!in->registry->rows[i].gone)
			options = &in->registry->rows[i].slot;
	spare_expect(in->host, in->draining ? NULL : options);
}

static void release(struct intake *in, struct slot *s)
{
	struct registry *r = s->registry;
	slot_release(s);
	if (r && --r->users == 0 && r != in->registry)
		registry_free(r);
	serve_offers(in);
	intake_capacity(in);
	expect(in);
}

void intake_ended(struct intake *in, const char *name, const struct slot_label *l, int events)
{
	struct slot_result r;
	struct err e = { 0 };
	if (!in->ops || !in->ops->ended)
		return;
	if (slot_result(events, &r, &e) == 0)
		in->ops->ended(in->arg, name, l, &r);
	else
		log_error("a job's result cannot be read", "job", name, "err", e.msg, NULL);
}

/* Its slot is free at once; its directory waits for the forge. */
void intake_over(struct slot *s)
{
	struct intake *in = s->owner;
	struct err e = { 0 };
	s->keep_dir = false;
	if (!s->dropped)
		intake_ended(in, s->name, &s->label, s->events);
	if (!s->dropped && !s->reported) {
		if (reports_add(&in->reports, s->cookie, s->name, &s->label, &e) == 0)
			s->keep_dir = true;
		else
			log_error("report", "job", s->name, "err", e.msg, NULL);
	}
	release(in, s);
}

static void on_reported(void *arg, const struct courier_reported *r)
{
	struct intake *in = arg;
	struct slot *s = intake_slot(in, r->cookie);
	char num[STR_NUM];
	if (!r->ok)
		log_error("a job's result could not be delivered", "cookie",
			  str_num(num, r->cookie), "why", r->text, NULL);
	if (s)
		s->reported = true;
	else if (!reports_done(&in->reports, r->cookie))
		log_debug("an unknown job was reported", NULL);
	changed(in);
}

/* --- the courier -------------------------------------------------------------------------------- */

static void register_all(struct intake *in)
{
	for (size_t i = 0; i < in->registry->n; i++) {
		const struct registry_row *r = &in->registry->rows[i];
		if (!r->gone)
			courier_link_say(&in->courier, COURIER_REGISTRATION, &r->wire);
	}
}

static const char *const *certificates(void *arg)
{
	const struct intake *in = arg;
	return in->registry->certificates;
}

static void on_up(void *arg)
{
	struct intake *in = arg;
	if (in->up && in->ops && in->ops->restarted)
		in->ops->restarted(in->arg, "courier");
	in->up = true;
	offers_clear(&in->offers); /* a new courier knows nothing of them */
	in->seen = 0;
	register_all(in);
	intake_tell(in);
	if (in->draining) {
		struct courier_drain d = { .on = 1 };
		courier_link_say(&in->courier, COURIER_DRAIN, &d);
	}
	intake_capacity(in);
}

static void on_token(void *arg, const struct courier_token *t)
{
	struct intake *in = arg;
	if (in->token)
		in->token(in, t);
}

static void on_health(void *arg, const struct courier_health *h)
{
	struct intake *in = arg;
	if (in->health)
		in->health(in, h);
}

static void on_stat(void *arg, const struct courier_stat *s)
{
	struct intake *in = arg;
	if (in->stat)
		in->stat(in, s);
}

static const struct courier_ops ops = {
	.up = on_up,
	.certificates = certificates,
	.job = on_job,
	.accepted = on_accepted,
	.dropped = on_dropped,
	.cancel = on_cancel,
	.reported = on_reported,
	.token = on_token,
	.health = on_health,
	.stat = on_stat,
};

int intake_open(struct intake *in, struct err *e)
{
	in->reports = (struct reports){ .host = in->host };
	in->floor = (struct disk_floor){
		.loop = in->host->loop,
		.state = &in->host->state,
		.least = in->registry->config->job_free,
		.again = { .fire = look_again },
	};
	in->adopted = COURIER_ADOPTED;
	if (intake_adopt(in, e) < 0)
		return -1;
	expect(in);
	return courier_link_open(&in->courier, in->host, &ops, in, e);
}

void intake_close(struct intake *in)
{
	if (in->floor.loop) /* it was opened */
		loop_timer_clear(in->floor.loop, &in->floor.again);
	courier_link_close(&in->courier);
	offers_clear(&in->offers);
	reports_free(&in->reports);
}

void intake_reload(struct intake *in, struct registry *next)
{
	struct registry *old = in->registry;
	in->registry = next;
	in->floor.least = next->config->job_free;
	for (size_t i = 0; i < next->n; i++) {
		struct courier_forget f = { .idx = next->rows[i].idx };
		if (next->rows[i].gone)
			courier_link_say(&in->courier, COURIER_FORGET, &f);
	}
	register_all(in);
	in->host->spare.options = NULL; /* they may be the old registry's */
	expect(in);
	if (old->users == 0)
		registry_free(old);
	intake_capacity(in);
}

void intake_drain(struct intake *in)
{
	struct courier_drain d = { .on = 1 };
	in->draining = true;
	serve_offers(in); /* those that wait for room on the disk */
	courier_link_say(&in->courier, COURIER_DRAIN, &d);
}
