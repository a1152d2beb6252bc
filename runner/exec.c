#include "runner/exec.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/job_dir.h"
#include "runner/result.h"
#include "runner/slot_end.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 64 << 20, CHUNK = 64 << 10 };

struct exec {
	struct host host;
	struct slot *slot;
	struct source bell, signals;
	off_t shown; /* bytes of the log that are on standard output */
	unsigned interrupts;
	bool over;
	struct err output;
};

/* --- the trace ---------------------------------------------------------------------------------- */

static void show(struct exec *x)
{
	static char chunk[CHUNK];
	ssize_t n;
	while (!x->output.code && (n = pread(x->slot->log, chunk, sizeof chunk, x->shown)) > 0) {
		if (fd_write_all(STDOUT_FILENO, chunk, (size_t)n, &x->output) < 0)
			slot_cancel(x->slot, GATE_CANCEL_ABORT); /* nobody reads: no use going on */
		x->shown += n;
	}
}

static void bell_ready(struct source *s, uint32_t events)
{
	struct exec *x = (struct exec *)(void *)((char *)s - offsetof(struct exec, bell));
	uint64_t rung;
	(void)events;
	if (read(s->fd, &rung, sizeof rung) > 0)
		show(x);
}

/* The first interrupt ends the script and lets after_script run; the second ends everything. */
static void signal_ready(struct source *s, uint32_t events)
{
	struct exec *x = (struct exec *)(void *)((char *)s - offsetof(struct exec, signals));
	struct signalfd_siginfo si;
	(void)events;
	if (read(s->fd, &si, sizeof si) != (ssize_t)sizeof si)
		return;
	slot_cancel(x->slot, x->interrupts++ ? GATE_CANCEL_ABORT : GATE_CANCEL_GRACEFUL);
}

static void job_over(struct slot *s)
{
	struct exec *x = (struct exec *)(void *)((char *)s->host - offsetof(struct exec, host));
	x->over = true;
}

/* --- the job ------------------------------------------------------------------------------------ */

static int read_payload(const char *path, struct err *e)
{
	struct buf b = BUF(PAYLOAD_MAX);
	int r = strcmp(path, "-") == 0 ? fd_read_all(STDIN_FILENO, &b, e)
				       : fd_read_file(path, &b, e);
	int fd = r < 0 ? -1 : fd_sealed("payload", b.p, b.len, e);
	buf_wipe(&b);
	return fd;
}

static int start(struct exec *x, const struct exec_options *o, struct err *e)
{
	char name[64];
	autofd payload = read_payload(o->payload, e);
	if (payload < 0)
		return -1;
	x->slot = host_slot(&x->host);
	if (!x->slot)
		return err_set(e, EBUSY, "all %d slots of the state directory are in use",
			       PRIV_SLOTS);
	snprintf(name, sizeof name, "exec-%d-%llu", getpid(), (unsigned long long)clock_wall_us());
	struct slot_job job = {
		.name = name,
		.payload = payload,
		.protected_ref = -1,
		.meta = "kind=exec\n",
		.settings = o->settings,
		.options = &o->slot,
	};
	job.settings.concurrent_id = x->slot->number;
	job.settings.hostname = x->host.hostname;
	if (slot_start(x->slot, &job, e) < 0)
		return -1;
	x->slot->over = job_over;
	slot_go(x->slot);
	return 0;
}

static int watch(struct exec *x, struct err *e)
{
	static const int caught[] = { SIGINT, SIGTERM, 0 };
	x->signals = (struct source){ .fd = loop_signals(caught, e), .ready = signal_ready };
	if (x->signals.fd < 0)
		return -1;
	x->bell = (struct source){ .fd = x->slot->doorbell, .ready = bell_ready };
	if (loop_watch(x->host.loop, &x->signals, EPOLLIN, e) < 0)
		return -1;
	return loop_watch(x->host.loop, &x->bell, EPOLLIN, e);
}

static int finish(struct exec *x, const struct exec_options *o, bool *ret_success, struct err *e)
{
	struct slot_result result;
	show(x);
	loop_unwatch(x->host.loop, &x->bell);
	if (slot_result(x->slot->events, &result, e) < 0)
		return -1;
	*ret_success = strcmp(result.state, "success") == 0;
	if (o->result && result_write(o->result, &result, e) < 0)
		return -1;
	if (!x->output.code)
		return 0;
	*e = x->output;
	return err_wrap(e, "standard output");
}

static int run(struct exec *x, const struct exec_options *o, bool *ret_success, struct err *e)
{
	if (start(x, o, e) < 0)
		return -1;
	int r = watch(x, e);
	if (r < 0)
		slot_drop(x->slot);
	struct err ignored = { 0 };
	if (loop_until(x->host.loop, &x->over, r < 0 ? &ignored : e) < 0)
		return -1;
	if (r == 0)
		r = finish(x, o, ret_success, e);
	slot_release(x->slot);
	return r;
}

static void finish_sweep(struct host *h)
{
	struct err ignored = { 0 };
	while (sweep_busy(h) && loop_once(h->loop, &ignored) == 0)
		;
}

int exec_run(const struct exec_options *o, bool *ret_success, struct err *e)
{
	struct exec x = { .signals = { .fd = -1 } };
	struct host_options h = { o->state_dir, o->cache_dir, o->id_base, PRIV_SLOTS, o->cgroup };
	signal(SIGPIPE, SIG_IGN);
	if (host_open(&x.host, &h, e) < 0)
		return -1;
	int r = run(&x, o, ret_success, e);
	finish_sweep(&x.host);
	job_dir_sweep(&x.host);
	finish_sweep(&x.host);
	fd_close(&x.signals.fd);
	host_close(&x.host);
	return r;
}
