/* courser-puller: brings images from registries into the store (executor/image.h is the contract). It
 * speaks to the network and writes nothing but blobs. */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/msg.h"
#include "executor/fetch_settings.h"
#include "runner/puller.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { FD_WORKER = 3, FD_STORE, FD_HTTP, FD_IMAGES, ARENA_MAX = 64 << 20, MOST_PATHS = 300 };

/* Blobs are the one thing that is written; of the rest of the store, what is there is looked up. */
static int confine(const char *ids, const struct puller *p, struct err *e)
{
	static struct confine_path paths[MOST_PATHS] = {
		{ FD_STORE, "", CONFINE_READ },
		{ AT_FDCWD, "/usr", CONFINE_READ },
		{ AT_FDCWD, "/etc", CONFINE_READ },
		{ AT_FDCWD, "/run/systemd/resolve", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/run/nscd", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/lib", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/proc", CONFINE_READ },
		{ AT_FDCWD, "/dev/null", CONFINE_READ | CONFINE_WRITE },
		{ AT_FDCWD, "/dev/urandom", CONFINE_READ },
	};
	struct confine c = {
		.profile = "puller",
		.paths = paths,
		.nofile = 1024,
		.allow_network = true,
	};
	while (paths[c.npaths].path)
		c.npaths++;
	paths[c.npaths++] = (struct confine_path){ p->store.blobs, "",
						   CONFINE_READ | CONFINE_WRITE };
	for (size_t i = 0; i < p->settings->npaths && c.npaths < MOST_PATHS; i++)
		if (p->settings->paths[i].fd >= 0)
			paths[c.npaths++] = (struct confine_path){ p->settings->paths[i].fd, "",
								   CONFINE_READ };
	return confine_ids(&c, ids, e) < 0 ? -1 : confine_role(&c, e);
}

static void say(void *arg, const char *line)
{
	struct err lost = { 0 };
	automsg m;
	(void)arg;
	msg_init(&m, IMAGE_PROGRESS);
	msg_put_str(&m, line);
	if (msg_send(FD_WORKER, &m, &lost) < 0)
		log_debug("progress is not heard", "err", lost.msg, NULL);
}

static int fail(const struct puller_result *r, const struct err *why, struct err *e)
{
	automsg m;
	msg_init(&m, IMAGE_FAILED);
	msg_put_u32(&m, r->fault);
	msg_put_str(&m, why->msg);
	return msg_send(FD_WORKER, &m, e);
}

static int done(const struct puller_result *r, struct err *e)
{
	autofd record = fd_sealed("image", buf_cstr(r->record), r->record->len, e);
	if (record < 0)
		return -1;
	automsg m;
	msg_init(&m, IMAGE_PULLED);
	msg_put_u32(&m, r->private);
	msg_put_fd(&m, record);
	return msg_send(FD_WORKER, &m, e);
}

/* The worker is gone: nobody wants it any more. What is half there is gone on from by the next. */
static void worker_ready(struct source *s, uint32_t events)
{
	(void)s;
	if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) {
		coverage_flush();
		_exit(0);
	}
}

static int serve(struct puller *p, struct msg *m, struct err *e)
{
	struct arena a = ARENA(ARENA_MAX);
	autobuf record = BUF(IMAGE_RECORD_MAX);
	struct puller_result r = { .record = &record };
	struct puller_request q;
	struct err why = { 0 };
	struct source worker = { .fd = FD_WORKER, .ready = worker_ready };
	q.name = msg_get_str(m);
	q.platform = msg_get_str(m);
	q.auth = msg_get_str(m);
	q.job_auth = msg_get_str(m);
	if (m->type != IMAGE_PULL || msg_end(m, e) < 0)
		return e->code ? -1 : err_set(e, EPROTO, "message %u", m->type);
	if (loop_watch(p->loop, &worker, EPOLLRDHUP, e) < 0)
		return -1;
	int pulled = puller_run(p, &q, &a, &r, &why);
	loop_unwatch(p->loop, &worker);
	arena_done(&a);
	return pulled < 0 ? fail(&r, &why, e) : done(&r, e);
}

static int run(struct puller *p, struct err *e)
{
	for (;;) {
		automsg m;
		int r = msg_recv(FD_WORKER, &m, e);
		if (r <= 0)
			return r;
		if (serve(p, &m, e) < 0)
			return -1;
	}
}

static int open_store(struct image_store *s, struct err *e)
{
	static const char *const names[] = { "blobs", "diffs", "images" };
	int *fds[] = { &s->blobs, &s->diffs, &s->images };
	s->dir = FD_STORE;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		*fds[i] = openat(FD_STORE, names[i],
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (*fds[i] < 0)
			return err_sys(e, "%s", names[i]);
	}
	return 0;
}

static int set_up(struct puller *p, struct puller_settings *s, struct arena *a, const char *ids,
		  struct err *e)
{
	struct fetch_settings f;
	p->settings = s;
	p->say = say;
	if (puller_settings_read(FD_IMAGES, a, s, e) < 0 ||
	    fetch_settings_read(FD_HTTP, a, &f, e) < 0 || open_store(&p->store, e) < 0 ||
	    http_init(e) < 0)
		return -1;
	struct http_settings h = {
		.ca_file = f.ca,
		.proxy = f.proxy,
		.no_proxy = f.no_proxy,
		.user_agent = "courser/" VERSION,
	};
	p->loop = loop_new(e);
	p->http = p->loop ? http_new(p->loop, &h, e) : NULL;
	return p->http ? confine(ids, p, e) : -1;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct arena a = ARENA(ARENA_MAX);
	struct puller p = { .store = IMAGE_STORE };
	struct puller_settings s;
	log_setup("puller");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		err_set(&e, EINVAL, "usage: courser-puller UID:GID|-");
	else if (set_up(&p, &s, &a, argv[1], &e) == 0)
		(void)!run(&p, &e);
	http_free(p.http);
	loop_free(p.loop);
	if (e.code)
		log_error("puller ends", "error", e.msg, NULL);
	arena_done(&a);
	coverage_flush();
	return e.code != 0;
}
