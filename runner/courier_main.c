/*
 * courser-courier UID:GID|- [DIRECTORY]...: everything that is said to a forge. fd 3 is the supervisor
 * (courier.h); the directories are those of the certificate files that registrations name.
 */
#include "base/fd.h"
#include "base/log.h"
#include "base/rest.h"
#include "protocol/http.h"
#include "protocol/vault_json.h"
#include "runner/courier.h"
#include "runner/courier_once.h"
#include "runner/courier_site.h"
#include "runner/courier_task.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>

enum { SUPERVISOR = 3, CERT_DIRS = 32, FILES = 16384 };

struct main_source {
	struct source source;
	struct courier_hub *hub;
};

static void on_registration(struct courier_hub *h, const void *m)
{
	site_register(h, m);
}

static void on_forget(struct courier_hub *h, const void *m)
{
	site_forget(h, ((const struct courier_forget *)m)->idx);
}

static void on_capacity(struct courier_hub *h, const void *m)
{
	const struct courier_capacity *c = m;
	h->slots = c->slots;
	h->seen = c->seen;
	site_consider_all(h);
}

static void on_drain(struct courier_hub *h, const void *m)
{
	h->drain = ((const struct courier_drain *)m)->on != 0;
	site_consider_all(h);
}

static void on_job_ready(struct courier_hub *h, const void *m)
{
	task_ready(h, m);
}

static void on_adopt(struct courier_hub *h, const void *m)
{
	task_adopt(h, m);
}

static void on_oneshot(struct courier_hub *h, const void *m)
{
	once_ask(h, m);
}

static void (*const handlers[COURIER_TYPES])(struct courier_hub *h, const void *m) = {
	[COURIER_REGISTRATION] = on_registration, [COURIER_FORGET] = on_forget,
	[COURIER_CAPACITY] = on_capacity,         [COURIER_DRAIN] = on_drain,
	[COURIER_JOB_READY] = on_job_ready,       [COURIER_ADOPT] = on_adopt,
	[COURIER_ONESHOT] = on_oneshot,
};

union any_message {
	struct courier_registration registration;
	struct courier_forget forget;
	struct courier_capacity capacity;
	struct courier_drain drain;
	struct courier_job_ready job_ready;
	struct courier_adopt adopt;
	struct courier_oneshot oneshot;
};

/* One message of the supervisor: 1 handled, 0 none there, -1 the end. */
static int take_one(struct courier_hub *h)
{
	struct err e = { 0 };
	union any_message fields;
	automsg m;
	int r = msg_recv(h->sock, &m, &e);
	if (r < 0 && e.code == EAGAIN)
		return 0;
	if (r == 0)
		return -1;
	if (r > 0 && m.type < COURIER_TYPES && handlers[m.type] &&
	    courier_take(&m, &fields, &e) == 0) {
		handlers[m.type](h, &fields);
		return 1;
	}
	log_error("a message of the supervisor is not understood", "err", e.msg, NULL);
	return -1;
}

static void commanded(struct source *s, uint32_t events)
{
	struct courier_hub *h = ((struct main_source *)s)->hub;
	(void)events;
	int r;
	do
		r = take_one(h);
	while (r > 0 && !h->over);
	h->over = h->over || r < 0;
}

/* Many jobs at once leave large holes, and every one of them a few. */
static void settled(struct timer *t)
{
	(void)t;
	rest();
}

static int serve(struct err *e)
{
	struct courier_hub h = { .sock = SUPERVISOR, .settle.fire = settled };
	struct main_source s = { { SUPERVISOR, commanded }, &h };
	h.loop = loop_new(e);
	if (!h.loop || fd_nonblock(SUPERVISOR, 1, e) < 0 ||
	    loop_watch(h.loop, &s.source, EPOLLIN, e) < 0)
		return -1;
	int r = loop_until(h.loop, &h.over, e);
	once_free_all(&h);
	task_free_all(&h);
	site_free_all(&h);
	loop_free(h.loop);
	return r;
}

/* What resolving names and TLS need to read. */
static const char *const needed[] = {
	"/etc/ssl",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/etc/resolv.conf",
	"/run/systemd/resolve",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/usr/lib",
	"/lib",
	"/lib64",
	"/dev/null",
	"/dev/urandom",
};

enum { NEEDED = sizeof needed / sizeof *needed };

/* Before the first byte of input: ids (argv[1]), no privileges, and no files but what is needed and
 * the directories of certificates (the further arguments). */
static int confine(int argc, char **argv, struct err *e)
{
	struct confine_path paths[NEEDED + CERT_DIRS];
	struct confine c = {
		.profile = "courier", .paths = paths, .nofile = FILES, .allow_network = true
	};
	if (argc < 2 || argc - 2 > CERT_DIRS)
		return err_set(e, EINVAL, "usage: courier UID:GID|- [DIRECTORY]...");
	for (size_t i = 0; i < NEEDED; i++)
		paths[c.npaths++] = (struct confine_path){ AT_FDCWD, needed[i],
							   CONFINE_READ | CONFINE_OPTIONAL };
	for (int i = 2; i < argc; i++)
		paths[c.npaths++] = (struct confine_path){ AT_FDCWD, argv[i],
							   CONFINE_READ | CONFINE_OPTIONAL };
	return confine_ids(&c, argv[1], e) < 0 ? -1 : confine_role(&c, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	log_setup("courier");
	vault_json_guard(); /* payloads hold tokens */
	if (http_init(&e) < 0 || confine(argc, argv, &e) < 0 || serve(&e) < 0) {
		log_error("courier ends", "err", e.msg, NULL);
		return 1;
	}
	return 0;
}
