#include "runner/sweep.h"

#include "base/fd.h"
#include "base/log.h"
#include "runner/host.h"
#include "runner/slot_image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { PATIENCE_MS = 60000, TMP_BYTES = 1 << 20 };

/* Where the tree is in the sandbox that empties it. */
#define INSIDE "/builds/tree"

struct sweep_entry {
	struct sweep_entry *next;
	char name[128];
};

static struct host *of_init(struct source *s)
{
	return (struct host *)(void *)((char *)s - offsetof(struct host, sweep.init));
}

static void next(struct host *h);

void sweep_init(struct sweep *w)
{
	*w = (struct sweep){ .init = { .fd = -1 } };
}

static void close_sandbox(struct host *h)
{
	struct sweep *w = &h->sweep;
	if (w->running && w->init.fd >= 0)
		loop_unwatch(h->loop, &w->init);
	fd_close(&w->init.fd);
	loop_timer_clear(h->loop, &w->patience);
	w->running = w->asked = false;
}

static void forget(struct host *h)
{
	struct sweep_entry *gone = h->sweep.first;
	close_sandbox(h);
	h->sweep.first = gone->next;
	free(gone);
}

void sweep_done(struct host *h)
{
	if (role_runs(&h->sweep.cleaner))
		role_forget(&h->sweep.cleaner);
	while (h->sweep.first)
		forget(h);
}

bool sweep_busy(const struct host *h)
{
	return h->sweep.first != NULL;
}

/* The first entry has had its turn. */
static void finish(struct host *h, const char *why)
{
	struct err e = { 0 };
	const char *name = h->sweep.first->name;
	if (why[0] || fd_remove_tree(h->state.jobs, name, &e) < 0)
		log_warn("a job's directory cannot be removed", "job", name, "err",
			 why[0] ? why : e.msg, NULL);
	forget(h);
	next(h);
}

static void patience_over(struct timer *t)
{
	struct host *h = (struct host *)(void *)((char *)t - offsetof(struct host, sweep.patience));
	finish(h, "its sandbox does not answer");
}

/* Its init: first READY, then WIPED with why not all is gone, "" if it is. */
static void init_ready(struct source *s, uint32_t events)
{
	struct host *h = of_init(s);
	struct sandbox_event ev;
	struct err e = { 0 };
	automsg m;
	(void)events;
	int r = sandbox_init_hear(s->fd, &m, &ev, &e);
	if (r > 0 && ev.what == SANDBOX_INIT_READY)
		r = sandbox_init_wipe(s->fd, INSIDE, &e) < 0 ? -1 : 0;
	if (r < 0)
		finish(h, e.msg);
	else if (r > 0 && ev.what == SANDBOX_INIT_WIPED)
		finish(h, ev.text);
}

void sweep_made(struct host *h, struct sandbox_made *made)
{
	struct sweep *w = &h->sweep;
	struct err e = { 0 };
	if (!w->asked || made->what == SANDBOX_ENDED)
		return;
	w->asked = false;
	if (made->what == SANDBOX_REFUSED) {
		finish(h, made->text);
		return;
	}
	w->init.fd = fd_take(&made->init);
	w->init.ready = init_ready;
	if (loop_watch(h->loop, &w->init, EPOLLIN, &e) < 0)
		finish(h, e.msg);
	else
		w->running = true;
}

static int ask(struct host *h, int tree, struct err *e)
{
	struct sandbox_spec spec;
	sandbox_spec_init(&spec);
	priv_map(&h->priv, 0, &spec);
	spec.net = SANDBOX_NET_NONE;
	spec.tmp_bytes = TMP_BYTES;
	snprintf(spec.hostname, sizeof spec.hostname, "sweep");
	struct sandbox_mount *m = sandbox_spec_mount(&spec, SANDBOX_BIND_FD, INSIDE, SANDBOX_OWN,
						     e);
	if (!m)
		return -1;
	m->fd = 0;
	int fds[] = { tree, -1 };
	if (sandbox_spawn_request(h->spawner_socket.fd, SWEEP_COOKIE, &spec, fds, e) < 0)
		return -1;
	h->sweep.asked = true;
	h->sweep.patience.fire = patience_over;
	loop_timer(h->loop, &h->sweep.patience, PATIENCE_MS);
	return 0;
}

static void cleaner_ended(struct role *r, int status)
{
	struct host *h = (struct host *)(void *)((char *)r - offsetof(struct host, sweep.cleaner));
	finish(h, status ? "its cleaner has failed" : "");
}

/* Root of the job's ids alone, with nothing to see but the directory. */
static int start_cleaner(struct host *h, int dir, struct err *e)
{
	static const char *const wipe[] = { "wipe", NULL };
	struct userns_maps maps;
	priv_store_maps(&h->priv, &maps);
	autofd map = fd_sealed("maps", &maps, sizeof maps, e);
	const int fds[] = { dir, dir, map };
	struct role_start start = {
		.name = "unpacker", .ids = "-", .args = wipe, .fds = fds, .nfds = 3
	};
	h->sweep.cleaner.ended = cleaner_ended;
	return map < 0 ? -1 : role_start(&h->sweep.cleaner, h->loop, h->libexec, &start, e);
}

static int begin(struct host *h, const char *name, struct err *e)
{
	autofd dir = openat(h->state.jobs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir >= 0 && slot_image_has_box(dir))
		return start_cleaner(h, dir, e);
	autofd tree = dir < 0 ? -1
			      : openat(dir, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (tree < 0)
		return err_sys(e, "tree");
	return ask(h, tree, e);
}

/* One at a time; what cannot even be begun is left for the next start. */
static void next(struct host *h)
{
	struct err e = { 0 };
	while (h->sweep.first && begin(h, h->sweep.first->name, &e) < 0) {
		log_warn("a job's directory cannot be removed", "job", h->sweep.first->name, "err",
			 e.msg, NULL);
		forget(h);
		err_clear(&e);
	}
}

void sweep_remove(struct host *h, const char *name)
{
	struct err e = { 0 };
	if (fd_remove_tree(h->state.jobs, name, &e) == 0)
		return;
	struct sweep_entry **last = &h->sweep.first, *new = calloc(1, sizeof *new);
	if (h->priv.root || !new) {
		log_warn("a job's directory cannot be removed", "job", name, "err", e.msg, NULL);
		free(new);
		return;
	}
	snprintf(new->name, sizeof new->name, "%s", name);
	while (*last)
		last = &(*last)->next;
	*last = new;
	if (h->sweep.first == new)
		next(h);
}
