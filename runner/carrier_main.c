/*
 * courser-carrier: artifacts to a coordinator and from there (executor/carrier.h is the contract). A
 * role of its own beside the fetcher: loading libcurl would slow every fetch of sources down.
 */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "executor/fetch_settings.h"
#include "protocol/forge.h"
#include "runner/carrier.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { FD_WORKER = 3, FD_SETTINGS, FILES = 256, ARENA_MAX = 1 << 20 };

/* What libcurl, the resolver and the TLS library read; it opens nothing to write. */
static int confine(const char *ids, struct err *e)
{
	static const struct confine_path paths[] = {
		{ AT_FDCWD, "/usr", CONFINE_READ },
		{ AT_FDCWD, "/lib", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/lib64", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/etc", CONFINE_READ },
		{ AT_FDCWD, "/run/systemd/resolve", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/run/nscd", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/proc", CONFINE_READ },
		{ AT_FDCWD, "/dev/urandom", CONFINE_READ },
	};
	struct confine c = {
		.profile = "courier",
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
		.nofile = FILES,
		.allow_network = true,
	};
	return confine_ids(&c, ids, e) < 0 ? -1 : confine_role(&c, e);
}

static int answer(int r, const struct carried *k, const struct err *why, struct err *e)
{
	automsg m;
	if (r == 0) {
		msg_init(&m, CARRIER_DONE);
		msg_put_u64(&m, k->bytes);
		msg_put_str(&m, k->text);
	} else {
		msg_init(&m, CARRIER_FAILED);
		msg_put_u32(&m, k->fault);
		msg_put_str(&m, why->msg);
	}
	return msg_send(FD_WORKER, &m, e);
}

static int upload(struct carrier *c, struct msg *m, struct err *e)
{
	struct carrier_upload u;
	struct carried k = { .fault = SOURCES_INTERNAL };
	struct err why = { 0 };
	if (carrier_get_upload(m, &u, e) < 0)
		return -1;
	int r = carrier_upload(c, &u, &k, &why);
	fd_close(&u.spool);
	fd_close(&u.pipe);
	return answer(r, &k, &why, e);
}

static int download(struct carrier *c, struct msg *m, struct err *e)
{
	struct carrier_download d;
	struct carried k = { .fault = SOURCES_INTERNAL };
	struct err why = { 0 };
	if (carrier_get_download(m, &d, e) < 0)
		return -1;
	int r = carrier_download(c, &d, &k, &why);
	fd_close(&d.file);
	return answer(r, &k, &why, e);
}

struct verb {
	uint32_t type;
	int (*run)(struct carrier *c, struct msg *m, struct err *e);
};

/* One request; 0 the worker is gone. */
static int serve(struct carrier *c, struct err *e)
{
	static const struct verb verbs[] = {
		{ CARRIER_UPLOAD, upload },
		{ CARRIER_DOWNLOAD, download },
	};
	automsg m;
	int r = msg_recv(FD_WORKER, &m, e);
	for (size_t i = 0; r > 0 && i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].type == m.type)
			return verbs[i].run(c, &m, e) < 0 ? -1 : 1;
	return r > 0 ? err_set(e, EPROTO, "message %u", m.type) : r;
}

/* In the middle of a transfer nobody reads the socket: the worker's end of it is heard here. */
static void worker_gone(struct source *s, uint32_t events)
{
	(void)s;
	if (!(events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)))
		return;
	coverage_flush();
	_exit(0);
}

static int run(const struct fetch_settings *s, struct err *e)
{
	static struct source worker = { .fd = FD_WORKER, .ready = worker_gone };
	bool own_ca = strncmp(s->ca, "/proc/self/fd/", 14) == 0;
	struct http_settings h = {
		.ca_file = own_ca ? s->ca : "",
		.cert_file = s->cert,
		.key_file = s->key,
		.proxy = s->proxy,
		.no_proxy = s->no_proxy,
		.user_agent = forge_user_agent(),
	};
	struct carrier c = { .sock = FD_WORKER, .loop = loop_new(e) };
	c.http = c.loop ? http_new(c.loop, &h, e) : NULL;
	int r = c.http ? loop_watch(c.loop, &worker, EPOLLRDHUP, e) : -1;
	if (r == 0)
		do
			r = serve(&c, e);
		while (r > 0);
	http_free(c.http);
	loop_free(c.loop);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct arena a = ARENA(ARENA_MAX);
	struct fetch_settings s;
	struct stat st;
	int settings = fstat(FD_SETTINGS, &st) == 0 ? FD_SETTINGS : -1;
	log_setup("carrier");
	signal(SIGPIPE, SIG_IGN);
	/* The operator's certificates are read as whoever started us, and the libraries are loaded. */
	if (argc < 2)
		err_set(&e, EINVAL, "usage: courser-carrier UID:GID|-");
	else if (fetch_settings_read(settings, &a, &s, &e) == 0 && http_init(&e) == 0 &&
		 confine(argv[1], &e) == 0)
		(void)!run(&s, &e);
	if (e.code)
		log_line(LOG_ERROR, "carrier ends", "error", e.msg, NULL);
	arena_done(&a);
	coverage_flush();
	return e.code != 0;
}
