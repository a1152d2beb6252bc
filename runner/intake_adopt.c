/* What an earlier supervisor left in STATE/jobs: jobs that still run are taken over, ended ones are
 * reported, torn ones are closed with a verdict first. */
#include "runner/intake.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/job_dir.h"
#include "runner/slot_end.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct left {
	const char *name;
	int dir;
	struct meta meta;
};

static int open_in(int dir, const char *name, struct err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, "%s", name) : fd;
}

static void discard(struct intake *in, const struct left *l, const char *why)
{
	log_info("what is left of a job is removed", "job", l->name, "why", why, NULL);
	sweep_remove(in->host, l->name);
}

static void label(const struct meta *m, struct slot_label *ret)
{
	*ret = (struct slot_label){ .id = m->job_id, .project_id = m->project_id };
	slot_label_set(ret, m->registration, m->project);
}

/* The worker is dead: the journal gets its end, if it has none, and waits to be reported. */
static void take_dead(struct intake *in, const struct left *l, int events)
{
	struct slot_result result;
	struct slot_label shown;
	struct err e = { 0 };
	label(&l->meta, &shown);
	if (slot_result(events, &result, &e) < 0 || !result.found) {
		err_clear(&e);
		if (slot_write_lost(l->dir, "the runner was stopped while the job ran", &e) < 0)
			log_error("verdict", "job", l->name, "err", e.msg, NULL);
	}
	err_clear(&e);
	if (reports_add(&in->reports, ++in->adopted, l->name, &shown, &e) < 0) {
		log_error("report", "job", l->name, "err", e.msg, NULL);
		return;
	}
	log_info("a job of an earlier life is reported", "job", l->name, NULL);
	intake_ended(in, l->name, &shown, events);
}

static bool was_accepted(int dir)
{
	struct stat st;
	return fstatat(dir, "accepted", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void tell(struct intake *in, int dir, uint64_t cookie, int doorbell);

/* It has its doorbell now: the courier can ship what it prints. */
static void living_ready(struct slot *s)
{
	if (s->state == SLOT_RUNNING)
		slot_go(s);
	tell(s->owner, s->dir, s->cookie, s->doorbell);
}

static int take_living(struct intake *in, const struct left *l)
{
	struct err e = { 0 };
	struct slot *s = host_slot_numbered(in->host, (unsigned)l->meta.slot, &e);
	const struct registry_row *r = registry_named(in->registry, l->meta.registration);
	struct slot_adopt a = {
		.name = l->name,
		.cookie = ++in->adopted,
		.id = l->meta.job_id,
		.project_id = l->meta.project_id,
		.registration = l->meta.registration,
		.project = l->meta.project,
		.accepted = was_accepted(l->dir),
		.options = r ? &r->slot : NULL,
		.ready = living_ready,
	};
	if (!s || slot_adopt(s, &a, &e) < 0) {
		log_warn("a job's worker cannot be reached", "job", l->name, "err", e.msg, NULL);
		return -1;
	}
	s->over = intake_over;
	s->owner = in;
	s->registry = in->registry;
	in->registry->users++;
	log_info("a running job is taken over", "job", l->name, NULL);
	return 0;
}

static void take_forge(struct intake *in, const struct left *l, int events)
{
	if (job_dir_worker_lives(events) && take_living(in, l) == 0)
		return;
	if (job_dir_worker_lives(events))
		log_error("a running job cannot be taken over; its worker goes on", "job", l->name,
			  NULL);
	else
		take_dead(in, l, events);
}

static void take(struct intake *in, struct left *l)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	autofd events = -1;
	bool known = job_dir_meta(l->dir, &a, &l->meta, &e) == 0 &&
		     (events = open_in(l->dir, "events", &e)) >= 0;
	if (known && strcmp(l->meta.kind, "forge") == 0)
		take_forge(in, l, events);
	else if (job_dir_held(in->host->state.jobs, l->dir))
		log_debug("an exec runs", NULL);
	else
		discard(in, l, known ? "it was local" : e.msg);
	arena_done(&a);
}

int intake_adopt(struct intake *in, struct err *e)
{
	autofd copy = openat(in->host->state.jobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return err_sys(e, "jobs");
	fd_take(&copy);
	for (struct dirent *de; (de = readdir(d)) != NULL;) {
		struct left l = { .name = de->d_name };
		if (de->d_name[0] == '.')
			continue;
		l.dir = openat(in->host->state.jobs, de->d_name,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (l.dir >= 0)
			take(in, &l);
		fd_close(&l.dir);
	}
	closedir(d);
	return 0;
}

/* --- a new courier is told ---------------------------------------------------------------------- */

/* Where a job is told of whose registration is no longer configured: a site for it alone, that asks for
 * nothing. */
static void tell_orphan(struct intake *in, const struct meta *m, struct courier_adopt *a)
{
	struct courier_registration site = {
		.idx = COURIER_ORPHANS + (uint32_t)(a->cookie & 0xffffff),
		.name = m->registration,
		.url = m->url,
		.forge = m->forge,
		.ca_file = m->ca_file,
		.cert_file = m->cert_file,
		.key_file = m->key_file,
		.proxy = m->proxy,
		.no_proxy = m->no_proxy,
		.limit = 1,
	};
	struct courier_capacity none = { .slots = 0, .seen = in->seen };
	struct courier_forget forget = { site.idx };
	a->idx = site.idx;
	log_warn("a job's registration is no longer configured; its end is told all the same",
		 "registration", m->registration, NULL);
	courier_link_say(&in->courier, COURIER_CAPACITY, &none);
	courier_link_say(&in->courier, COURIER_REGISTRATION, &site);
	courier_link_say(&in->courier, COURIER_ADOPT, a);
	courier_link_say(&in->courier, COURIER_FORGET, &forget);
	intake_capacity(in);
}

static void tell(struct intake *in, int dir, uint64_t cookie, int doorbell)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct left l = { .name = "", .dir = dir };
	autofd log = open_in(dir, "log", &e);
	autofd events = log < 0 ? -1 : open_in(dir, "events", &e);
	if (events < 0 || job_dir_meta(dir, &a, &l.meta, &e) < 0) {
		log_error("a job cannot be reported", "err", e.msg, NULL);
		arena_done(&a);
		return;
	}
	const struct registry_row *r = registry_named(in->registry, l.meta.registration);
	struct courier_adopt m = {
		.cookie = cookie,
		.idx = r ? r->idx : 0,
		.job_id = l.meta.job_id,
		.token = l.meta.token,
		.reasons = l.meta.reasons,
		.debug_trace = l.meta.debug_trace != 0,
		.accepted = was_accepted(dir),
		.log = log,
		.events = events,
		.doorbell = doorbell,
	};
	if (r)
		courier_link_say(&in->courier, COURIER_ADOPT, &m);
	else
		tell_orphan(in, &l.meta, &m);
	arena_done(&a);
}

/* What an earlier courier called a job means another one to the next. */
static uint64_t renamed(struct intake *in, uint64_t cookie)
{
	return cookie & COURIER_ADOPTED ? cookie : ++in->adopted;
}

void intake_tell(struct intake *in)
{
	for (unsigned n = 0; n < in->host->nslots; n++) {
		struct slot *s = in->host->slots[n];
		if (!s || s->state == SLOT_FREE || s->owner != in)
			continue;
		s->cookie = renamed(in, s->cookie);
		if (!s->reported && !s->dropped && s->doorbell >= 0)
			tell(in, s->dir, s->cookie, s->doorbell);
	}
	for (struct report *r = in->reports.first; r; r = r->next) {
		autofd dir = openat(in->host->state.jobs, r->name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		r->cookie = renamed(in, r->cookie);
		if (dir >= 0)
			tell(in, dir, r->cookie, -1);
	}
}
