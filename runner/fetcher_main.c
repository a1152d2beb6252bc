/*
 * courser-fetcher: brings repositories into a mirror (executor/fetch.h is the contract).
 *
 * Two processes: this one watches time, silence and the worker, and ends the other one, which talks
 * to the server and parses what it says. libgit2 blocks where it likes; a killed one leaves nothing
 * that the next fetcher does not mend.
 */
#include "base/clock.h"
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "executor/git_fetch.h"
#include "executor/git_lib.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FD_WORKER = 3, FD_MIRROR, FD_SETTINGS, TICK_MS = 500, HOUR_S = 3600, ARENA_MAX = 8 << 20 };

/* What git and libgit2 read of the machine; the mirror is the one thing they write. */
static int confine(const char *ids, struct err *e)
{
	static const struct confine_path paths[] = {
		{ FD_MIRROR, "", CONFINE_READ | CONFINE_WRITE },
		{ AT_FDCWD, "/usr", CONFINE_READ | CONFINE_EXEC },
		{ AT_FDCWD, "/bin", CONFINE_READ | CONFINE_EXEC | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/lib", CONFINE_READ | CONFINE_EXEC | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/lib64", CONFINE_READ | CONFINE_EXEC | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/etc", CONFINE_READ },
		{ AT_FDCWD, "/run/systemd/resolve", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/run/nscd", CONFINE_READ | CONFINE_OPTIONAL },
		{ AT_FDCWD, "/proc", CONFINE_READ },
		{ AT_FDCWD, "/dev/null", CONFINE_READ | CONFINE_WRITE },
		{ AT_FDCWD, "/dev/urandom", CONFINE_READ },
	};
	struct confine c = {
		.profile = "fetcher",
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
		.nofile = 1024,
		.allow_network = true,
	};
	return confine_ids(&c, ids, e) < 0 ? -1 : confine_role(&c, e);
}

struct running {
	pid_t pid;
	struct fetch_watch *watch;
	uint64_t end_ms, stall_ms;
};

/* Ends the worker of the transfer and whatever it started: they are a process group. It is our child
 * and not yet reaped, so its number is its own. */
static void end_transfer(const struct running *r)
{
	(void)kill(-r->pid, SIGKILL);
	(void)kill(r->pid, SIGKILL);
}

static const char *overdue(const struct running *r)
{
	uint64_t now = clock_ms();
	if (now >= r->end_ms)
		return "the time for fetching sources is up";
	if (!atomic_load(&r->watch->waiting) &&
	    now - atomic_load(&r->watch->moved_ms) > r->stall_ms)
		return "the server has sent nothing for too long";
	return NULL;
}

/* Until the transfer has ended. False: the worker is gone. */
static bool watch_transfer(struct running *r)
{
	int status;
	const char *why = NULL;
	bool gone = false;
	while (waitpid(r->pid, &status, WNOHANG) == 0) {
		struct pollfd p = { .fd = FD_WORKER, .events = POLLRDHUP };
		poll(&p, 1, atomic_load(&r->watch->ended) ? 1 : TICK_MS / 50);
		gone = (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
		why = gone ? NULL : overdue(r);
		if (gone || (why && !atomic_load(&r->watch->ended))) {
			end_transfer(r);
			waitpid(r->pid, &status, 0);
			break;
		}
	}
	if (!gone && !atomic_load(&r->watch->ended))
		git_fetch_failed(FD_WORKER, why ? SOURCES_TIMEOUT : SOURCES_INTERNAL,
				 why ? why : "the transfer's process died");
	return !gone;
}

static bool serve(const struct fetch_request *q, const struct fetch_settings *s, struct err *e)
{
	struct running r = { .stall_ms = s->stall_ms };
	r.watch = mmap(NULL, sizeof *r.watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (r.watch == MAP_FAILED)
		return err_sys(e, "shared memory") == 0;
	uint64_t now = clock_ms();
	atomic_store(&r.watch->moved_ms, now);
	r.end_ms = now + (uint64_t)(q->timeout_s ? q->timeout_s : HOUR_S) * 1000;
	pid_t parent = getpid();
	r.pid = fork();
	if (r.pid == 0) {
		setpgid(0, 0);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		git_fetch_serve(FD_WORKER, FD_MIRROR, q, s, r.watch);
		coverage_flush();
		_exit(0);
	}
	bool more = r.pid > 0 ? watch_transfer(&r) : err_sys(e, "fork") == 0;
	munmap(r.watch, sizeof *r.watch);
	return more;
}

static int run(const struct fetch_settings *s, struct err *e)
{
	for (;;) {
		automsg m;
		struct arena a = ARENA(ARENA_MAX);
		struct fetch_request q;
		int r = msg_recv(FD_WORKER, &m, e);
		if (r <= 0)
			return r;
		if (m.type != FETCH_GET)
			return err_set(e, EPROTO, "message %u", m.type);
		if (fetch_get(&m, &a, &q, e) < 0) {
			arena_done(&a);
			return -1;
		}
		bool more = serve(&q, s, e);
		arena_done(&a);
		if (!more)
			return e->code ? -1 : 0;
	}
}

/* Settings that cannot be used (a certificate that cannot be read): the job is told, by the answer to
 * its request. */
static int refuse(const struct err *why, struct err *e)
{
	automsg m;
	int r = msg_recv(FD_WORKER, &m, e);
	if (r > 0)
		git_fetch_failed(FD_WORKER, SOURCES_CONFIG, why->msg);
	return r < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct err e = { 0 }, why = { 0 };
	struct arena a = ARENA(ARENA_MAX);
	struct fetch_settings s = { 0 };
	struct stat st;
	int settings = fstat(FD_SETTINGS, &st) == 0 ? FD_SETTINGS : -1;
	log_setup("fetcher");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	/* The operator's certificates are read as whoever started us, and the libraries are loaded. */
	if (argc < 2)
		err_set(&e, EINVAL, "usage: courser-fetcher UID:GID|-");
	else if (fetch_settings_read(settings, &a, &s, &why) < 0)
		(void)!(confine(argv[1], &e) < 0 || refuse(&why, &e) < 0);
	else if (git_lib_init(&e) == 0 && confine(argv[1], &e) == 0)
		(void)!run(&s, &e);
	if (e.code)
		log_line(LOG_ERROR, "fetcher ends", "error", e.msg, NULL);
	arena_done(&a);
	coverage_flush();
	return e.code != 0;
}
