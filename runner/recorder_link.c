#include "runner/recorder_link.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	FIRST_MS = 1000,
	MOST_MS = 60 * 1000,
	STEADY_MS = 5 * 60 * 1000,
	END_MS = 2000,
	BACKLOG = 16
};

struct recorder_link {
	struct recorder_link_options o;
	struct role role;
	struct timer again;
	int sock, directory, listener;
	uint64_t pause_ms, began_ms, dropped;
};

/* --- a listening socket ------------------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool host_read(const char *host, uint16_t port, union address *ret)
{
	*ret = (union address){ .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	if (host[0] == '\0')
		return true; /* in6addr_any, IPv4 too */
	if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1)
		return true;
	*ret = (union address){ .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

static bool address_read(const char *text, union address *ret)
{
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	const char *colon = strrchr(text, ':');
	if (!colon || !str_u64(colon + 1, UINT16_MAX, &port))
		return false;
	size_t n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= sizeof host)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return host_read(host, (uint16_t)port, ret);
}

int recorder_listen(const char *address, struct err *e)
{
	union address a;
	int on = 1;
	if (!address_read(address, &a))
		return err_set(e, EINVAL, "listen_address %.80s: not ADDRESS:PORT", address);
	autofd fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, &a.any, a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_sys(e, "listen_address %.80s", address);
	return fd_take(&fd);
}

/* --- the role ----------------------------------------------------------------------------------- */

static int start(struct recorder_link *k, struct err *e)
{
	char ids[PRIV_TEXT];
	int pair[2];
	if (msg_pair(pair, e) < 0)
		return -1;
	autofd theirs = pair[1];
	autofd ours = pair[0];
	int fds[] = { theirs, k->directory, k->listener };
	struct role_start s = { .name = "recorder", .ids = ids, .fds = fds, .nfds = 3 };
	priv_role_text(k->o.priv, PRIV_RECORDER, 0, ids);
	if (role_start(&k->role, k->o.loop, k->o.libexec, &s, e) < 0)
		return -1;
	k->sock = fd_take(&ours);
	k->began_ms = clock_ms();
	if (k->o.begun)
		k->o.begun(k->o.arg);
	return 0;
}

static void wait_more(struct recorder_link *k)
{
	if (k->began_ms && clock_ms() - k->began_ms > STEADY_MS)
		k->pause_ms = 0;
	k->pause_ms = k->pause_ms ? 2 * k->pause_ms : FIRST_MS;
	if (k->pause_ms > MOST_MS)
		k->pause_ms = MOST_MS;
	loop_timer(k->o.loop, &k->again, k->pause_ms);
}

static void ended(struct role *r, int status)
{
	struct recorder_link *k =
		(struct recorder_link *)(void *)((char *)r - offsetof(struct recorder_link, role));
	(void)status;
	fd_close(&k->sock);
	wait_more(k);
}

static void again(struct timer *t)
{
	struct recorder_link *k =
		(struct recorder_link *)(void *)((char *)t - offsetof(struct recorder_link, again));
	struct err e = { 0 };
	if (start(k, &e) == 0) {
		recorder_tell_count(k, "courser_role_restarts_total", "role=recorder", 1);
		return;
	}
	log_error("recorder", "err", e.msg, NULL);
	wait_more(k);
}

/* The directory and what is in it: it may have been written under other ids. */
static int give_ledger(struct recorder_link *k, struct err *e)
{
	static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm" };
	k->directory = fd_mkdir_open(k->o.state, "ledger", 0700, e);
	if (k->directory < 0 || priv_give_role(k->o.priv, PRIV_RECORDER, 0, k->directory, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		autofd fd = openat(k->directory, files[i],
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && priv_give_role(k->o.priv, PRIV_RECORDER, 0, fd, e) < 0)
			return -1;
	}
	return 0;
}

static int prepare(struct recorder_link *k, struct err *e)
{
	if (give_ledger(k, e) < 0)
		return err_wrap(e, "ledger");
	if (!k->o.listen || !k->o.listen[0])
		return 0;
	k->listener = recorder_listen(k->o.listen, e);
	return k->listener < 0 ? -1 : 0;
}

struct recorder_link *recorder_link_open(const struct recorder_link_options *o, struct err *e)
{
	struct recorder_link *k = calloc(1, sizeof *k);
	if (!k) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*k = (struct recorder_link){ .o = *o, .sock = -1, .directory = -1, .listener = -1 };
	k->role.ended = ended;
	k->again.fire = again;
	if (prepare(k, e) == 0 && start(k, e) == 0)
		return k;
	recorder_link_close(k);
	return NULL;
}

/* It ends by itself when its socket does, after what is in the socket. */
static void await_end(struct recorder_link *k)
{
	struct pollfd p = { .fd = k->role.proc.pidfd, .events = POLLIN };
	loop_unwatch(k->o.loop, &k->role.exit);
	if (poll(&p, 1, END_MS) != 1)
		proc_signal(&k->role.proc, SIGKILL);
	proc_wait(&k->role.proc);
}

void recorder_link_close(struct recorder_link *k)
{
	if (!k)
		return;
	loop_timer_clear(k->o.loop, &k->again);
	fd_close(&k->sock);
	if (role_runs(&k->role))
		await_end(k);
	fd_close(&k->directory);
	fd_close(&k->listener);
	free(k);
}

/* --- telling ------------------------------------------------------------------------------------ */

void recorder_tell(struct recorder_link *k, enum recorder_type type, const void *what)
{
	struct err e = { 0 };
	if (!k)
		return;
	if (k->sock < 0 || recorder_send(k->sock, type, what, &e) < 0) {
		k->dropped++;
		return;
	}
	if (!k->dropped)
		return;
	struct recorder_counter_add lost = { "courser_recorder_dropped_total", "", k->dropped };
	if (recorder_send(k->sock, RECORDER_COUNTER_ADD, &lost, &e) == 0)
		k->dropped = 0;
}

void recorder_tell_gauge(struct recorder_link *k, const char *name, const char *labels,
			 double value)
{
	struct recorder_gauge g = { name, labels, value };
	recorder_tell(k, RECORDER_GAUGE, &g);
}

void recorder_tell_count(struct recorder_link *k, const char *name, const char *labels, uint64_t by)
{
	struct recorder_counter_add c = { name, labels, by };
	recorder_tell(k, RECORDER_COUNTER_ADD, &c);
}
