/* What an earlier supervisor left in STATE/jobs: jobs that still run are taken over, ended ones are
 * reported, torn ones are closed with a verdict first. */
#include "runner/intake.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/slot_end.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
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

static int read_meta(struct left *l, struct arena *a, struct err *e)
{
	struct buf b = BUF(256 << 10);
	autofd fd = open_in(l->dir, "meta", e);
	int r = fd < 0 ? -1 : fd_read_all(fd, &b, e);
	if (r == 0)
		r = meta_read(buf_cstr(&b), a, &l->meta, e);
	buf_wipe(&b);
	return r;
}

/* Its worker holds a lock on the events file as long as it lives. */
static bool worker_lives(int events)
{
	if (flock(events, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(events, LOCK_UN);
	return false;
}

static void discard(struct intake *in, const struct left *l, const char *why)
{
	struct err e = { 0 };
	log_info("what is left of a job is removed", "job", l->name, "why", why, NULL);
	if (fd_remove_tree(in->host->state.jobs, l->name, &e) < 0)
		log_warn("job directory", "job", l->name, "err", e.msg, NULL);
}

/* The worker is dead: the journal gets its end, if it has none, and waits to be reported. */
static void take_dead(struct intake *in, const struct left *l, int events)
{
	struct slot_result result;
	struct err e = { 0 };
	if (slot_result(events, &result, &e) < 0 || !result.found) {
		err_clear(&e);
		if (slot_write_lost(l->dir, "the runner was stopped while the job ran", &e) < 0)
			log_error("verdict", "job", l->name, "err", e.msg, NULL);
	}
	err_clear(&e);
	if (reports_add(&in->reports, ++in->adopted, l->name, &e) < 0)
		log_error("report", "job", l->name, "err", e.msg, NULL);
	else
		log_info("a job of an earlier life is reported", "job", l->name, NULL);
}

static void tell(struct intake *in, int dir, uint64_t cookie, int doorbell);

/* It has its doorbell now: the courier can ship what it prints. */
static void living_ready(struct slot *s)
{
	struct intake *in = s->owner;
	if (s->dropped)
		slot_drop(s);
	else
		tell(in, s->dir, s->cookie, s->doorbell);
}

static void take_living(struct intake *in, const struct left *l)
{
	struct stat st;
	struct err e = { 0 };
	struct slot *s = host_slot_numbered(in->host, (unsigned)l->meta.slot, &e);
	const struct registry_row *r = registry_named(in->registry, l->meta.registration);
	struct slot_adopt a = {
		.name = l->name,
		.cookie = ++in->adopted,
		.id = l->meta.job_id,
		.project_id = l->meta.project_id,
		.options = r ? &r->slot : NULL,
		.ready = living_ready,
	};
	if (!s || slot_adopt(s, &a, &e) < 0) {
		log_error("a running job cannot be taken over; its worker goes on", "job", l->name,
			  "err", e.msg, NULL);
		return;
	}
	s->over = intake_over;
	s->owner = in;
	s->registry = in->registry;
	in->registry->users++;
	/* never accepted: the forge gives it to somebody else */
	s->dropped = fstatat(l->dir, "accepted", &st, AT_SYMLINK_NOFOLLOW) < 0;
	log_info("a running job is taken over", "job", l->name, NULL);
}

static void take(struct intake *in, struct left *l)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct stat st;
	autofd events = -1;
	if (read_meta(l, &a, &e) < 0 || (events = open_in(l->dir, "events", &e)) < 0)
		discard(in, l, e.msg);
	else if (worker_lives(events) && strcmp(l->meta.kind, "forge") == 0)
		take_living(in, l);
	else if (worker_lives(events))
		log_debug("an exec runs", NULL);
	else if (strcmp(l->meta.kind, "forge") != 0)
		discard(in, l, "it was local");
	else if (fstatat(l->dir, "accepted", &st, AT_SYMLINK_NOFOLLOW) < 0)
		discard(in, l, "it was never accepted");
	else
		take_dead(in, l, events);
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

static void tell(struct intake *in, int dir, uint64_t cookie, int doorbell)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct left l = { .name = "", .dir = dir };
	autofd log = open_in(dir, "log", &e);
	autofd events = log < 0 ? -1 : open_in(dir, "events", &e);
	if (events < 0 || read_meta(&l, &a, &e) < 0) {
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
		.log = log,
		.events = events,
		.doorbell = doorbell,
	};
	if (r)
		courier_link_say(&in->courier, COURIER_ADOPT, &m);
	else
		log_error("a job's registration is no longer configured: it is not reported",
			  "registration", l.meta.registration, NULL);
	arena_done(&a);
}

void intake_tell(struct intake *in)
{
	for (unsigned n = 0; n < in->host->nslots; n++) {
		struct slot *s = in->host->slots[n];
		if (!s || s->state == SLOT_FREE || s->owner != in || s->reported || s->dropped ||
		    s->doorbell < 0)
			continue;
		if (!(s->cookie & COURIER_ADOPTED))
			s->cookie = ++in->adopted;
		tell(in, s->dir, s->cookie, s->doorbell);
	}
	for (struct report *r = in->reports.first; r; r = r->next) {
		autofd dir = openat(in->host->state.jobs, r->name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (!(r->cookie & COURIER_ADOPTED))
			r->cookie = ++in->adopted;
		if (dir >= 0)
			tell(in, dir, r->cookie, -1);
	}
}
