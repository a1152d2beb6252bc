#include "runner/host.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runner/slot.h"
#include "runner/slot_box.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESPAWN_MIN_MS = 100, RESPAWN_MAX_MS = 30000, STEADY_MS = 60000 };

static int start_spawner(struct host *h, struct err *e);

static void spawner_message(struct host *h, struct msg *m)
{
	struct err e = { 0 };
	struct sandbox_made made;
	if (sandbox_spawn_reply(m, &made, &e) < 0) {
		log_error("spawner", "err", e.msg, NULL);
		return;
	}
	unsigned n = (unsigned)(made.cookie & 0xffffffff);
	if (made.cookie == SWEEP_COOKIE)
		sweep_made(h, &made);
	else if (made.cookie == SNAPSHOT_COOKIE)
		snapshot_made(h, &made);
	else if (n < h->nslots && h->slots[n])
		slot_spawned(h->slots[n], &made);
	sandbox_made_done(&made);
	slot_box_ask_again(h);
}

static void spawner_ready(struct source *s, uint32_t events)
{
	struct host *h = (struct host *)(void *)((char *)s - offsetof(struct host, spawner_socket));
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = msg_recv(s->fd, &m, &e);
	if (r > 0) {
		spawner_message(h, &m);
		return;
	}
	loop_unwatch(h->loop, s);
	fd_close(&s->fd);
	role_signal(&h->spawner, SIGKILL); /* it has nothing more to say to us */
}

/* What was asked of a spawner that is gone is not answered any more. */
static void refuse_pending(struct host *h)
{
	struct sandbox_made no = { .what = SANDBOX_REFUSED,
				   .text = "the spawner ended before it was made",
				   .init = -1,
				   .pidfd = -1,
				   .userns = -1,
				   .mntns = -1 };
	snapshot_made(h, &no);
	for (unsigned n = 0; n < h->nslots; n++) {
		struct slot *s = h->slots[n];
		if (!s || s->state == SLOT_FREE || !s->sandbox_pending)
			continue;
		slot_box_forget(s);
		no.cookie = s->number | (uint64_t)s->generation << 32;
		slot_spawned(s, &no);
	}
}

static void respawn(struct timer *t)
{
	struct host *h = (struct host *)(void *)((char *)t - offsetof(struct host, respawn));
	struct err e = { 0 };
	if (start_spawner(h, &e) < 0) {
		log_error("the spawner cannot be started", "err", e.msg, NULL);
		loop_timer(h->loop, t, RESPAWN_MAX_MS);
	} else if (h->restarted) {
		h->restarted(h->arg, "spawner");
	}
}

/* Sandboxes that run are not its children in any sense that matters: they go on. The next one comes at
 * once, unless they keep ending. */
static void spawner_ended(struct role *r, int status)
{
	struct host *h = (struct host *)(void *)((char *)r - offsetof(struct host, spawner));
	(void)status;
	if (h->stopping)
		return;
	if (h->spawner_socket.fd >= 0)
		loop_unwatch(h->loop, &h->spawner_socket);
	fd_close(&h->spawner_socket.fd);
	refuse_pending(h);
	if (clock_ms() - h->spawner_ms > STEADY_MS)
		h->pause_ms = 0;
	loop_timer(h->loop, &h->respawn, h->pause_ms);
	h->pause_ms = h->pause_ms ? 2 * h->pause_ms : RESPAWN_MIN_MS;
	if (h->pause_ms > RESPAWN_MAX_MS)
		h->pause_ms = RESPAWN_MAX_MS;
}

static int start_spawner(struct host *h, struct err *e)
{
	int pair[2];
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	struct role_start s = { .name = "spawner", .ids = "-", .fds = &theirs, .nfds = 1 };
	h->spawner.ended = spawner_ended;
	h->spawner_ms = clock_ms();
	h->spawner_socket = (struct source){ .fd = pair[0], .ready = spawner_ready };
	if (role_start(&h->spawner, h->loop, h->libexec, &s, e) < 0 ||
	    loop_watch(h->loop, &h->spawner_socket, EPOLLIN, e) < 0) {
		fd_close(&h->spawner_socket.fd);
		return -1;
	}
	return 0;
}

int host_slots(struct host *h, unsigned n, struct err *e)
{
	if (n > PRIV_SLOTS)
		return err_set(e, EINVAL, "%u jobs at once: at most %d", n, PRIV_SLOTS);
	if (n <= h->nslots)
		return 0;
	struct slot **slots = reallocarray(h->slots, n, sizeof(struct slot *));
	if (!slots)
		return err_set(e, ENOMEM, "out of memory");
	h->slots = slots;
	for (; h->nslots < n; h->nslots++)
		h->slots[h->nslots] = NULL;
	return 0;
}

static struct slot *slot_at(struct host *h, unsigned n)
{
	if (!h->slots[n])
		h->slots[n] = calloc(1, sizeof **h->slots);
	if (h->slots[n] && !h->slots[n]->host)
		*h->slots[n] = (struct slot){ .host = h, .number = n, .lock = -1, .dir = -1 };
	return h->slots[n];
}

struct slot *host_slot(struct host *h)
{
	for (unsigned n = 0; n < PRIV_SLOTS; n++) {
		struct err e = { 0 };
		struct slot *s = host_slots(h, n + 1, &e) < 0 ? NULL : slot_at(h, n);
		if (!s || s->state != SLOT_FREE)
			continue;
		s->lock = state_slot(&h->state, n, &e);
		if (s->lock >= 0)
			return s;
	}
	return NULL;
}

struct slot *host_slot_numbered(struct host *h, unsigned n, struct err *e)
{
	if (host_slots(h, n + 1, e) < 0)
		return NULL;
	struct slot *s = slot_at(h, n);
	if (!s || s->state != SLOT_FREE) {
		err_set(e, EBUSY, "slot %u is taken", n);
		return NULL;
	}
	s->lock = state_slot(&h->state, n, e);
	return s->lock < 0 ? NULL : s;
}

/* The blobs belong to who fetches them, all else to who unpacks; and whoever goes there by fd searches. */
static int open_images(struct host *h, struct err *e)
{
	autofd dir = fcntl(h->state.images, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return err_sys(e, "images");
	if (image_store_open(&h->images, dir, e) < 0)
		return -1;
	const int theirs[] = { h->images.layers, h->images.diffs, h->images.images,
			       h->images.refs };
	for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
		if (priv_give_store(&h->priv, theirs[i], e) < 0)
			return -1;
	autofd lock = image_store_lock(&h->images, false, e);
	return lock < 0 ? -1 : priv_give_role(&h->priv, PRIV_FETCHER, 0, h->images.blobs, e);
}

/* Before any role is started: they are where we are. */
static int open_cgroup(struct host *h, const char *where, struct err *e)
{
	struct stat st;
	if (fstat(h->state.dir, &st) < 0)
		return err_sys(e, "state directory");
	cgroup_open(&h->cgroup, where, st.st_ino);
	log_debug("cgroups", "note", h->cgroup.note[0] ? h->cgroup.note : "in use", NULL);
	return 0;
}

int host_open(struct host *h, const struct host_options *o, struct err *e)
{
	*h = (struct host){ .libexec = -1,
			    .spawner_socket = { .fd = -1 },
			    .respawn = { .fire = respawn } };
	h->state = (struct state)STATE_CLOSED;
	h->images = (struct image_store)IMAGE_STORE;
	h->cgroup.top = -1;
	sweep_init(&h->sweep);
	spare_init(&h->spare);
	snapshot_init(&h->snapshot);
	if (gethostname(h->hostname, sizeof h->hostname - 1) < 0)
		return err_sys(e, "hostname");
	h->loop = loop_new(e);
	if (!h->loop)
		return -1;
	h->libexec = proc_libexec(e);
	if (h->libexec < 0 || state_open(&h->state, o->state_dir, o->cache_dir, e) < 0 ||
	    priv_init(&h->priv, o->id_base, PRIV_SLOTS, e) < 0 || open_images(h, e) < 0 ||
	    host_slots(h, o->nslots, e) < 0 || open_cgroup(h, o->cgroup, e) < 0 ||
	    start_spawner(h, e) < 0) {
		host_close(h);
		return -1;
	}
	return 0;
}

static void stop_spawner(struct host *h)
{
	h->stopping = true;
	loop_timer_clear(h->loop, &h->respawn);
	if (h->spawner_socket.fd >= 0)
		loop_unwatch(h->loop, &h->spawner_socket);
	fd_close(&h->spawner_socket.fd);
	if (!role_runs(&h->spawner))
		return;
	loop_unwatch(h->loop, &h->spawner.exit);
	proc_wait(&h->spawner.proc); /* it ends when its socket does */
}

void host_close(struct host *h)
{
	if (h->loop) {
		sweep_done(h);
		spare_done(h);
		snapshot_done(h);
		stop_spawner(h);
	}
	for (unsigned n = 0; n < h->nslots; n++)
		free(h->slots[n]);
	free(h->slots);
	h->slots = NULL;
	h->nslots = 0;
	image_store_close(&h->images);
	cgroup_close(&h->cgroup);
	state_close(&h->state);
	fd_close(&h->libexec);
	loop_free(h->loop);
	h->loop = NULL;
}
