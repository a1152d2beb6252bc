#include "runner/slot.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/job_dir.h"
#include "runner/rendezvous.h"
#include "runner/slot_end.h"
#include "runner/slot_limits.h"
#include "runner/slot_keeper.h"
#include "runner/slot_profile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>

/* --- the worker's socket ------------------------------------------------------------------------ */

static struct slot *of_socket(struct source *src)
{
	return (struct slot *)(void *)((char *)src - offsetof(struct slot, socket));
}

static void worker_ready(struct source *src, uint32_t events)
{
	struct slot *s = of_socket(src);
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(src->fd, &m, &e);
	if (r > 0) {
		slot_serve(s, &m);
		return;
	}
	if (r < 0 && e.code == EAGAIN)
		return;
	loop_unwatch(s->host->loop, src);
	fd_close(&src->fd);
	if (r < 0) { /* it does not speak our language: not ours any more */
		log_error("worker", "job", s->name, "err", e.msg, NULL);
		role_signal(&s->worker, SIGKILL);
	}
	if (!role_runs(&s->worker)) /* adopted, and dead before it said who it is */
		slot_worker_ended(&s->worker, -1);
}

static void tell(struct slot *s, const struct msg *m)
{
	struct err e = { 0 };
	if (s->socket.fd >= 0 && msg_send(s->socket.fd, m, &e) < 0)
		log_warn("worker", "job", s->name, "err", e.msg, NULL);
}

void slot_grant(struct slot *s, const int *fds, unsigned n, const char *notes)
{
	automsg m;
	msg_init(&m, GATE_GRANTED);
	for (unsigned i = 0; i < n; i++)
		msg_put_fd(&m, fds[i]);
	if (notes)
		msg_put_str(&m, notes);
	tell(s, &m);
}

void slot_refuse(struct slot *s, const char *why)
{
	automsg m;
	msg_init(&m, GATE_REFUSED);
	msg_put_str(&m, why);
	tell(s, &m);
}

void slot_go(struct slot *s)
{
	automsg m;
	msg_init(&m, GATE_GO);
	s->state = SLOT_RUNNING;
	tell(s, &m);
}

void slot_cancel(struct slot *s, enum gate_cancel how)
{
	automsg m;
	msg_init(&m, GATE_CANCEL);
	msg_put_u32(&m, how);
	tell(s, &m);
}

static void grant_box(struct slot *s, const struct sandbox_made *made)
{
	char notes[sizeof made->text + SLOT_PROFILE_TEXT + 256];
	int files[USAGE_FILES];
	automsg m;
	snprintf(notes, sizeof notes, "%s%s", slot_profile_text(s), made->text);
	bool held = slot_limits_set(s, files, notes, sizeof notes);
	msg_init(&m, GATE_GRANTED);
	msg_put_fd(&m, made->init);
	msg_put_fd(&m, s->pidfd);
	msg_put_str(&m, notes);
	msg_put_str(&m, s->options ? s->options->network : "");
	msg_put_u32(&m, s->snapshot >= 0);
	msg_put_u64(&m, s->options ? s->options->memory : 0);
	for (size_t i = 0; held && i < USAGE_FILES; i++)
		msg_put_fd(&m, files[i]);
	tell(s, &m);
	for (size_t i = 0; i < USAGE_FILES; i++)
		fd_close(&files[i]);
}

void slot_spawned(struct slot *s, struct sandbox_made *made)
{
	if (made->what == SANDBOX_ENDED || (unsigned)(made->cookie >> 32) != s->generation ||
	    !s->sandbox_pending)
		return;
	s->sandbox_pending = false;
	if (made->what == SANDBOX_REFUSED) {
		s->services.asked = false;
		slot_refuse(s, made->text);
		return;
	}
	if (s->services.asked) {
		slot_service_made(s, made);
		return;
	}
	s->pidfd = fd_take(&made->pidfd);
	s->userns = fd_take(&made->userns);
	s->mntns = fd_take(&made->mntns);
	s->uid = made->uid;
	s->gid = made->gid;
	grant_box(s, made);
}

/* --- start -------------------------------------------------------------------------------------- */

void slot_label_set(struct slot_label *l, const char *registration, const char *project)
{
	snprintf(l->registration, sizeof l->registration, "%s", registration ? registration : "");
	snprintf(l->project, sizeof l->project, "%s", project ? project : "");
}

static void reset(struct slot *s)
{
	struct host *h = s->host;
	unsigned number = s->number, generation = s->generation + 1;
	int lock = s->lock;
	*s = (struct slot){
		.host = h,
		.number = number,
		.generation = generation,
		.lock = lock,
		.dir = -1,
		.log = -1,
		.events = -1,
		.doorbell = -1,
		.socket = { .fd = -1 },
		.keeper_socket = { .fd = -1 },
		.pidfd = -1,
		.userns = -1,
		.mntns = -1,
		.snapshot = -1,
		.phase = PHASE_PREPARE,
		.protected_ref = -1,
	};
}

static int make_dir(struct slot *s, const struct slot_job *j, struct err *e)
{
	autobuf meta = BUF(64 << 10);
	snprintf(s->name, sizeof s->name, "%s", j->name);
	s->dir = job_dir_make(s->host->state.jobs, s->name, e);
	if (s->dir < 0)
		return -1;
	if (buf_str(&meta, j->meta, e) < 0)
		return -1;
	int r = fd_replace_file(s->dir, "meta", 0600, &meta, e);
	buf_wipe(&meta);
	return r < 0 ? -1 : slot_reserve(s->dir, e);
}

static int append_new(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		      0600);
}

struct journal_fds {
	int log, events;
};

static int make_journal(struct slot *s, const struct slot_job *j, struct journal_fds *ret,
			struct err *e)
{
	char id[STR_NUM], version[STR_NUM];
	struct journal first;
	ret->log = append_new(s->dir, "log");
	ret->events = append_new(s->dir, "events");
	s->log = openat(s->dir, "log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	s->events = openat(s->dir, "events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (ret->log < 0 || ret->events < 0 || s->log < 0 || s->events < 0)
		return err_sys(e, "journal");
	/* the lock lives as long as the worker holds its end */
	if (flock(ret->events, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "journal lock");
	if (journal_init(&first, ret->log, ret->events, -1, e) < 0)
		return -1;
	return journal_event(&first, e, "journal", "version", str_num(version, JOURNAL_VERSION),
			     "job", str_num(id, j->id), NULL);
}

/* Whatever waits, or a new one. */
static int have_worker(struct slot *s, struct err *e)
{
	char ids[PRIV_TEXT];
	int pair[2];
	s->worker.ended = slot_worker_ended;
	s->fetcher.ended = s->packer.ended = s->keeper.ended = slot_helper_ended;
	s->archiver.ended = s->carrier.ended = s->storer.ended = slot_helper_ended;
	s->puller.ended = s->unpacker.ended = slot_helper_ended;
	s->socket = (struct source){ .fd = spare_take(s->host, s->number, &s->worker),
				     .ready = worker_ready };
	if (s->socket.fd >= 0)
		return 0;
	if (msg_pair(pair, e) < 0)
		return -1;
	s->socket.fd = pair[0];
	autofd theirs = pair[1];
	priv_role_text(&s->host->priv, PRIV_WORKER, s->number, ids);
	struct role_start start = { .name = "worker", .ids = ids, .fds = &theirs, .nfds = 1 };
	return role_start(&s->worker, s->host->loop, s->host->libexec, &start, e);
}

static int start_worker(struct slot *s, const struct slot_job *j, struct err *e)
{
	struct journal_fds journal = { -1, -1 };
	autobuf settings = BUF(4 << 20);
	int r = make_journal(s, j, &journal, e);
	autofd log = journal.log;
	autofd events = journal.events;
	if (r < 0 || settings_write(&j->settings, &settings, e) < 0)
		return -1;
	autofd set = fd_sealed("settings", settings.p, settings.len, e);
	s->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	autofd ctl = s->doorbell < 0 || set < 0 ? -1 : rendezvous_listen(s->dir, "ctl", e);
	if (ctl < 0)
		return e->code ? -1 : err_sys(e, "doorbell");
	const struct gate_start start = {
		{ j->payload, log, events, s->doorbell, ctl, set },
	};
	if (have_worker(s, e) < 0 || gate_say_start(s->socket.fd, &start, e) < 0)
		return -1;
	return loop_watch(s->host->loop, &s->socket, EPOLLIN, e);
}

int slot_start(struct slot *s, const struct slot_job *j, struct err *e)
{
	reset(s);
	s->cookie = j->cookie;
	s->id = j->id;
	s->project_id = j->project_id;
	s->timeout_s = j->timeout_s;
	s->protected_ref = j->protected_ref;
	s->from_fork = j->from_fork;
	s->options = j->options;
	s->label.id = j->id;
	s->label.project_id = j->project_id;
	slot_label_set(&s->label, j->registration, j->project);
	s->started_ms = clock_ms();
	s->state = SLOT_WAITING;
	if (make_dir(s, j, e) == 0 && start_worker(s, j, e) == 0)
		return 0;
	role_signal(&s->worker, SIGKILL);
	slot_release(s);
	return -1;
}

static void take_adopted(struct slot *s, const struct slot_adopt *a)
{
	reset(s);
	s->cookie = a->cookie;
	s->id = s->label.id = s->keeper_job = a->id;
	s->project_id = s->label.project_id = a->project_id;
	slot_label_set(&s->label, a->registration, a->project);
	s->options = a->options;
	s->ready = a->ready;
	s->adopted = true;
	s->keep_dir = true; /* until it is over: a failure here must not cost the job its journal */
	s->state = a->accepted ? SLOT_RUNNING : SLOT_WAITING;
	s->started_ms = clock_ms();
	snprintf(s->name, sizeof s->name, "%s", a->name);
	s->worker.ended = slot_worker_ended;
	s->fetcher.ended = s->packer.ended = s->keeper.ended = slot_helper_ended;
	s->archiver.ended = s->carrier.ended = s->storer.ended = slot_helper_ended;
	s->puller.ended = s->unpacker.ended = slot_helper_ended;
}

static int connect_worker(struct slot *s, struct err *e)
{
	s->dir = openat(s->host->state.jobs, s->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_sys(e, "job directory %s", s->name);
	s->log = openat(s->dir, "log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	s->events = openat(s->dir, "events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->log < 0 || s->events < 0)
		return err_sys(e, "journal of %s", s->name);
	autofd sock = rendezvous_connect(s->dir, "ctl", e);
	if (sock < 0)
		return err_wrap(e, "worker of %s", s->name);
	s->socket = (struct source){ .fd = fd_take(&sock), .ready = worker_ready };
	return loop_watch(s->host->loop, &s->socket, EPOLLIN, e);
}

int slot_adopt(struct slot *s, const struct slot_adopt *a, struct err *e)
{
	take_adopted(s, a);
	if (connect_worker(s, e) == 0 && slot_profile_again(s, e) == 0 &&
	    slot_keeper_reach(s, e) == 0)
		return 0;
	slot_release(s);
	return -1;
}
