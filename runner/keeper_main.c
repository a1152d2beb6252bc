/* courser-keeper: holds a job's logins to Vault and OpenBao, so that the worker need not. */
#include "base/fd.h"
#include "base/log.h"
#include "protocol/vault_json.h"
#include "runner/keeper.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20, FILES = 64, SETTINGS_MAX = 256 << 10 };

/* What libcurl, the resolver and the TLS library read when they are first used. */
static const char *const readable[] = {
	"/etc/ssl",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/usr/lib/ssl",
	"/etc/resolv.conf",
	"/run/systemd/resolve",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/pki",
	"/etc/ld.so.cache",
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
};
enum { READABLE = sizeof readable / sizeof *readable, OWN_FILES = 3 };

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int read_fd(int fd, struct buf *b, struct err *e)
{
	return is_open(fd) ? fd_read_all(fd, b, e) : 0;
}

static int confine(const char *ids, const struct keeper_settings *s, struct err *e)
{
	struct confine_path paths[READABLE + OWN_FILES];
	const char *const own[OWN_FILES] = { s->ca_file, s->cert_file, s->key_file };
	struct confine c = {
		.profile = "keeper",
		.nofile = FILES,
		.paths = paths,
		.allow_network = true,
	};
	for (size_t i = 0; i < READABLE; i++)
		paths[c.npaths++] = (struct confine_path){ AT_FDCWD, readable[i],
							   CONFINE_READ | CONFINE_OPTIONAL };
	for (size_t i = 0; i < OWN_FILES; i++)
		if (*own[i])
			paths[c.npaths++] = (struct confine_path){ AT_FDCWD, own[i], CONFINE_READ };
	if (confine_ids(&c, ids, e) < 0)
		return -1;
	return confine_role(&c, e);
}

static int revoke_records(struct keeper *k, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf records = BUF(INPUT_MAX);
	if (buf_reserve(&records, INPUT_MAX, e) < 0 || read_fd(KEEPER_SUPERVISOR, &records, e) < 0)
		return err_wrap(e, "records");
	return keeper_revoke(k, buf_cstr(&records), e);
}

static int serve(struct keeper *k, struct err *e)
{
	k->supervisor = is_open(KEEPER_SUPERVISOR) ? KEEPER_SUPERVISOR : -1;
	k->listen.fd = is_open(KEEPER_LISTEN) ? KEEPER_LISTEN : -1;
	return keeper_run(k, e);
}

/* The settings are the supervisor's own words, and confinement needs the paths in them. */
static int run(struct keeper *k, const char *ids, bool revoking, struct err *e)
{
	autobuf text = BUF(SETTINGS_MAX);
	struct arena arena = ARENA(SETTINGS_MAX);
	struct keeper_settings settings;
	int r = -1;
	if (read_fd(KEEPER_SETTINGS, &text, e) == 0 &&
	    keeper_settings_read(buf_cstr(&text), &arena, &settings, e) == 0 &&
	    confine(ids, &settings, e) == 0 && keeper_set_up(k, &settings, e) == 0) {
		k->worker.fd = is_open(KEEPER_WORKER) ? KEEPER_WORKER : -1;
		k->audit.fd = is_open(KEEPER_AUDIT) ? KEEPER_AUDIT : -1;
		r = revoking ? revoke_records(k, e) : serve(k, e);
	}
	keeper_close(k);
	arena_done(&arena);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct keeper *k = calloc(1, sizeof *k);
	bool revoking = argc > 2 && strcmp(argv[2], "revoke") == 0;
	log_setup("keeper");
	signal(SIGPIPE, SIG_IGN);
	vault_json_guard();
	if (!k || argc < 2 || keeper_open(k, &e) < 0 || run(k, argv[1], revoking, &e) < 0) {
		log_error("keeper", "err", e.msg, NULL);
		free(k);
		return 1;
	}
	free(k);
	return 0;
}
