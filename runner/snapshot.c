#include "runner/snapshot.h"

#include "base/fd.h"
#include "base/log.h"
#include "executor/gate.h"
#include "executor/pack.h"
#include "runner/host.h"
#include "runner/slot.h"
#include "runner/slot_box.h"
#include "runner/snapshot_store.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What is copied in init's time has to be small, and what is kept twice must not fill the disk. */
enum { FILES_MAX = 20000, FREE_SHARE = 20 };
enum { PATIENCE_MS = 10 * 60 * 1000, WISHES = 4, KEY = 64, SHA = 65, URL = 4096, NEW = KEY + 8 };

struct snapshot_order {
	struct snapshot_order *next;
	char key[KEY], sha[SHA], url[URL], project_dir[SANDBOX_PATH];
	int mirror, refs;
};

void snapshot_init(struct snapshot *s)
{
	*s = (struct snapshot){
		.init = { .fd = -1 }, .packer = { .fd = -1 }, .userns = -1, .mntns = -1
	};
}

static void close_source(struct host *h, struct source *s)
{
	if (s->fd >= 0 && s->ready)
		loop_unwatch(h->loop, s);
	fd_close(&s->fd);
	s->ready = NULL;
}

/* Its sandbox ends with the socket, its packer with the other. */
static void let_go(struct host *h)
{
	struct snapshot *s = &h->snapshot;
	struct snapshot_order *gone = s->first;
	close_source(h, &s->init);
	close_source(h, &s->packer);
	fd_close(&s->userns);
	fd_close(&s->mntns);
	loop_timer_clear(h->loop, &s->patience);
	s->asked = s->begun = false;
	if (!gone)
		return;
	s->first = gone->next;
	fd_close(&gone->mirror);
	fd_close(&gone->refs);
	free(gone);
}

void snapshot_done(struct host *h)
{
	while (h->snapshot.first)
		let_go(h);
	role_signal(&h->snapshot.role, SIGKILL);
	if (role_runs(&h->snapshot.role)) {
		loop_unwatch(h->loop, &h->snapshot.role.exit);
		proc_wait(&h->snapshot.role.proc);
	}
}

static void new_name(const struct snapshot_order *o, char *out)
{
	snprintf(out, NEW, "%s.new", o->key);
}

/* Whole: by its name from now on. */
static void keep(struct host *h, const struct snapshot_order *o)
{
	struct err e = { 0 };
	char name[NEW];
	new_name(o, name);
	autofd dir = snapshot_dir(o->mirror, false, &e);
	if (dir < 0 || renameat2(dir, name, dir, o->key, RENAME_NOREPLACE) < 0)
		log_info("a snapshot is not kept", "key", o->key, NULL);
	snapshot_prune(h, o->mirror);
}

/* The first wish has had its turn. */
static void finish(struct host *h, const char *why)
{
	struct snapshot_order *o = h->snapshot.first;
	struct err e = { 0 };
	char name[NEW];
	if (!why) {
		keep(h, o);
	} else {
		log_info("no snapshot is made", "key", o->key, "reason", why, NULL);
		new_name(o, name);
		autofd dir = snapshot_dir(o->mirror, false, &e);
		if (dir >= 0)
			snapshot_remove(h, dir, name);
	}
	let_go(h);
	snapshot_idle(h);
}

static void patience_over(struct timer *t)
{
	finish((struct host *)(void *)((char *)t - offsetof(struct host, snapshot.patience)),
	       "it takes too long");
}

/* --- the packer ---------------------------------------------------------------------------------- */

static void packer_ready(struct source *s, uint32_t events)
{
	struct host *h = (struct host *)(void *)((char *)s -
						 offsetof(struct host, snapshot.packer));
	struct pack_result result = PACK_RESULT;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(s->fd, &m, &e);
	if (r < 0 && e.code == EAGAIN)
		return;
	if (r <= 0)
		finish(h, "its packer has ended");
	else if (m.type != PACK_DONE || pack_get_done(&m, &result, &e) < 0)
		finish(h, "it cannot be checked out");
	else if (result.files > FILES_MAX)
		finish(h, "it has too many files");
	else
		finish(h, NULL);
	fd_close(&result.modules);
}

static void packer_ended(struct role *r, int status)
{
	(void)r;
	(void)status;
}

static int order_checkout(struct host *h, struct err *e)
{
	const struct snapshot_order *o = h->snapshot.first;
	const struct pack_checkout c = {
		.tree = o->project_dir,
		.parent = "",
		.name = "",
		.worktree = "",
		.alternates = SLOT_MIRROR,
		.sha = o->sha,
		.url = o->url,
		.clean = "",
		.state = PACK_FRESH,
		.files = true,
		.refs = o->refs,
		.store = -1,
	};
	automsg m;
	pack_put_checkout(&m, &c);
	return msg_send(h->snapshot.packer.fd, &m, e);
}

static int start_packer(struct host *h, struct err *e)
{
	char ids[PRIV_TEXT];
	const char *const join[] = { "join", ids, NULL };
	struct snapshot *s = &h->snapshot;
	int pair[2];
	if (role_runs(&s->role))
		return err_set(e, EBUSY, "the packer before it still runs");
	snprintf(ids, sizeof ids, "%d:%d", SANDBOX_JOB_ID, SANDBOX_JOB_ID);
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	s->packer = (struct source){ .fd = pair[0] };
	int fds[] = { theirs, s->userns, s->mntns };
	struct role_start start = {
		.name = "packer", .ids = "-", .args = join, .fds = fds, .nfds = 3
	};
	s->role.ended = packer_ended;
	if (role_start(&s->role, h->loop, h->libexec, &start, e) < 0 || order_checkout(h, e) < 0)
		return -1;
	s->packer.ready = packer_ready;
	return loop_watch(h->loop, &s->packer, EPOLLIN, e);
}

/* --- the sandbox --------------------------------------------------------------------------------- */

static void init_ready(struct source *s, uint32_t events)
{
	struct host *h = (struct host *)(void *)((char *)s - offsetof(struct host, snapshot.init));
	struct sandbox_event ev;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = sandbox_init_hear(s->fd, &m, &ev, &e);
	if (r < 0 || (r > 0 && ev.what == SANDBOX_INIT_READY && start_packer(h, &e) < 0))
		finish(h, e.msg);
}

void snapshot_made(struct host *h, struct sandbox_made *made)
{
	struct snapshot *s = &h->snapshot;
	struct err e = { 0 };
	if (!s->asked || made->what == SANDBOX_ENDED)
		return;
	s->asked = false;
	if (made->what == SANDBOX_REFUSED) {
		finish(h, made->text);
		return;
	}
	s->userns = fd_take(&made->userns);
	s->mntns = fd_take(&made->mntns);
	s->init = (struct source){ .fd = fd_take(&made->init), .ready = init_ready };
	if (loop_watch(h->loop, &s->init, EPOLLIN, &e) < 0)
		finish(h, e.msg);
}

/* The directory that the tree is made in; an earlier attempt goes. */
static int open_tree_dir(struct host *h, const struct snapshot_order *o, struct err *e)
{
	char name[NEW];
	new_name(o, name);
	autofd dir = snapshot_dir(o->mirror, true, e);
	if (dir < 0)
		return -1;
	snapshot_remove(h, dir, name);
	autofd whole = fd_mkdir_open(dir, name, 0711, e);
	autofd tree = whole < 0 ? -1 : fd_mkdir_open(whole, "tree", 0755, e);
	if (tree < 0 || priv_give_job(&h->priv, 0, tree, e) < 0)
		return -1;
	return fd_take(&tree);
}

static int check_room(int dir, struct err *e)
{
	struct statvfs fs;
	if (fstatvfs(dir, &fs) < 0)
		return err_sys(e, "mirror");
	if (fs.f_bavail < fs.f_blocks / FREE_SHARE)
		return err_set(e, ENOSPC, "less than 1/%d of the disk is free", FREE_SHARE);
	return 0;
}

static int ask(struct host *h, const struct snapshot_order *o, struct err *e)
{
	struct sandbox_spec spec;
	if (check_room(o->mirror, e) < 0)
		return -1;
	autofd tree = open_tree_dir(h, o, e);
	autofd objects = tree < 0 ? -1
				  : openat(o->mirror, "objects",
					   O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (objects < 0)
		return e->code ? -1 : err_sys(e, "objects");
	sandbox_spec_init(&spec);
	priv_map(&h->priv, 0, &spec);
	snprintf(spec.hostname, sizeof spec.hostname, "%.63s", h->hostname);
	struct sandbox_mount *at = sandbox_spec_mount(&spec, SANDBOX_BIND_FD, o->project_dir,
						      SANDBOX_OWN, e);
	struct sandbox_mount *from = sandbox_spec_mount(&spec, SANDBOX_BIND_FD, SLOT_MIRROR,
							SANDBOX_READONLY, e);
	if (!at || !from)
		return -1;
	at->fd = 0;
	from->fd = 1;
	int fds[] = { tree, objects, -1 };
	return sandbox_spawn_request(h->spawner_socket.fd, SNAPSHOT_COOKIE, &spec, fds, e);
}

/* --- wishes -------------------------------------------------------------------------------------- */

static bool busy(const struct host *h)
{
	for (unsigned n = 0; n < h->nslots; n++)
		if (h->slots[n] && h->slots[n]->state != SLOT_FREE)
			return true;
	return false;
}

void snapshot_idle(struct host *h)
{
	struct snapshot *s = &h->snapshot;
	struct err e = { 0 };
	if (!s->first || s->begun || busy(h) || h->stopping || h->spawner_socket.fd < 0)
		return;
	s->begun = s->asked = true;
	s->patience.fire = patience_over;
	loop_timer(h->loop, &s->patience, PATIENCE_MS);
	autofd there = snapshot_find(s->first->mirror, s->first->key);
	if (there >= 0)
		finish(h, "it is there");
	else if (ask(h, s->first, &e) < 0)
		finish(h, e.msg);
}

static bool fits(const struct snapshot_wish *w)
{
	return snapshot_key_ok(w->key) && strlen(w->sha) < SHA && strlen(w->url) < URL &&
	       strlen(w->project_dir) < SANDBOX_PATH && sandbox_path_ok(w->project_dir);
}

void snapshot_wish(struct host *h, const struct snapshot_wish *w)
{
	struct snapshot_order **last = &h->snapshot.first, *o = NULL;
	unsigned n = 0;
	bool known = false;
	for (; *last; last = &(*last)->next, n++)
		known |= strcmp((*last)->key, w->key) == 0;
	if (!known && n < WISHES && fits(w))
		o = calloc(1, sizeof *o);
	if (!o) {
		int fds[] = { w->mirror, w->refs };
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		return;
	}
	snprintf(o->key, sizeof o->key, "%s", w->key);
	snprintf(o->sha, sizeof o->sha, "%s", w->sha);
	snprintf(o->url, sizeof o->url, "%s", w->url);
	snprintf(o->project_dir, sizeof o->project_dir, "%s", w->project_dir);
	o->mirror = w->mirror;
	o->refs = w->refs;
	*last = o;
}
