#include "runner/slot_end.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "executor/verdict.h"
#include "runner/slot_box.h"
#include "runner/slot_limits.h"
#include "runner/slot_keeper.h"
#include "runner/slot_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { KEEPER_MS = 20000, RESERVE_BYTES = 32 << 10, LOOK_MS = 20, LOOKS = 250 };

/* --- the journal's last word -------------------------------------------------------------------- */

static void take_timing(const struct journal_record *rec, struct slot_result *ret)
{
	const char *name = journal_get(rec, "name");
	enum phase p = phase_named(name);
	uint64_t ms;
	if (p == PHASES && strcmp(name, "total") != 0)
		return;
	if (str_u64(journal_get(rec, "ms"), UINT64_MAX, &ms)) {
		ret->ms[p] = ms;
		ret->timed[p] = true;
	}
}

static void take_denied(const struct journal_record *rec, struct slot_result *ret)
{
	struct denials *d = &ret->denied;
	uint64_t times;
	if (d->n == DENIALS_CALLS || !str_u64(journal_get(rec, "times"), UINT32_MAX, &times))
		return;
	snprintf(d->rows[d->n].call, SANDBOX_CALL, "%s", journal_get(rec, "call"));
	d->rows[d->n++].times = (uint32_t)times;
}

static void take_usage(const struct journal_record *rec, struct slot_result *ret)
{
	const struct {
		const char *key;
		uint64_t *to;
	} rows[] = { { "memory", &ret->used.memory },
		     { "cpu_us", &ret->used.cpu_us },
		     { "processes", &ret->used.processes } };
	snprintf(ret->used.by, sizeof ret->used.by, "%s", journal_get(rec, "by"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!str_u64(journal_get(rec, rows[i].key), UINT64_MAX, rows[i].to))
			*rows[i].to = 0;
}

static void take_verdict(const struct journal_record *rec, struct slot_result *ret)
{
	uint64_t code = 0;
	snprintf(ret->state, sizeof ret->state, "%s", journal_get(rec, "state"));
	snprintf(ret->reason, sizeof ret->reason, "%s", journal_get(rec, "reason"));
	snprintf(ret->fault, sizeof ret->fault, "%s", journal_get(rec, "fault"));
	snprintf(ret->text, sizeof ret->text, "%s", journal_get(rec, "text"));
	if (str_u64(journal_get(rec, "exit"), 255, &code))
		ret->exit_code = (int)code;
}

static void take_end(const struct journal_record *rec, struct slot_result *ret)
{
	(void)rec;
	ret->found = ret->state[0] != '\0';
}

static const struct {
	const char *kind;
	void (*take)(const struct journal_record *rec, struct slot_result *ret);
} kinds[] = {
	{ "timing", take_timing },   { "usage", take_usage }, { "denied", take_denied },
	{ "verdict", take_verdict }, { "end", take_end },
};

static void take_record(const struct journal_record *rec, struct slot_result *ret)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(rec->kind, kinds[i].kind) == 0)
			kinds[i].take(rec, ret);
}

int slot_result(int events, struct slot_result *ret, struct err *e)
{
	struct journal_reader r;
	struct journal_record rec;
	int n;
	*ret = (struct slot_result){ 0 };
	journal_reader_init(&r, events);
	while ((n = journal_next(&r, &rec, e)) != 0) {
		if (n < 0 && e->code != EBADMSG)
			break;
		if (n < 0)
			continue;
		take_record(&rec, ret);
		journal_record_done(&rec);
	}
	journal_reader_done(&r);
	return n < 0 ? -1 : 0;
}

static int write_lost(struct journal *j, const char *why, struct err *e)
{
	struct verdict v = { 0 };
	autobuf text = BUF(4096);
	autobuf line = BUF(8192);
	verdict_set(&v, ENDING_LOST, "%s", why);
	if (verdict_text(&v, &text, e) < 0 ||
	    buf_printf(&line, e, "\n\033[31;1mERROR: Job failed (system failure): %s\033[0;m\n",
		       buf_cstr(&text)) < 0 ||
	    journal_log(j, line.p, line.len, e) < 0)
		return -1;
	if (journal_event(j, e, "verdict", "state", "failed", "reason", verdict_reason(&v), "exit",
			  "0", "fault", fault_name(verdict_fault(&v)), "text", buf_cstr(&text),
			  NULL) < 0)
		return -1;
	return journal_event(j, e, "end", NULL);
}

static int append_to(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int slot_reserve(int dir, struct err *e)
{
	autofd fd = openat(dir, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code = fd < 0 ? errno : posix_fallocate(fd, 0, RESERVE_BYTES);
	return code ? err_set(e, code, "room for the journal: %s", strerror(code)) : 0;
}

/* Where the reserve is needed, the full disk is what ended the job. */
static bool use_reserve(int dir)
{
	struct statvfs v;
	bool full = fstatvfs(dir, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < RESERVE_BYTES;
	unlinkat(dir, "reserve", 0);
	return full;
}

/* A line that a crash cut is ended first, so that the next record stands alone. */
int slot_write_lost(int dir, const char *why, struct err *e)
{
	struct journal j;
	if (use_reserve(dir))
		why = "no space was left on this runner's disk";
	autofd log = append_to(dir, "log");
	autofd events = append_to(dir, "events");
	if (log < 0 || events < 0)
		return err_sys(e, "journal");
	if (fd_write_all(events, "\n", 1, e) < 0 || journal_init(&j, log, events, -1, e) < 0)
		return -1;
	return write_lost(&j, why, e);
}

/* --- the processes ------------------------------------------------------------------------------ */

/* Of a slot; the keeper is another matter: it has to give back what was lent. */
static const struct {
	const char *name;
	size_t offset;
} helpers[] = {
	{ "fetcher", offsetof(struct slot, fetcher) },
	{ "packer", offsetof(struct slot, packer) },
	{ "archiver", offsetof(struct slot, archiver) },
	{ "carrier", offsetof(struct slot, carrier) },
	{ "puller", offsetof(struct slot, puller) },
	{ "unpacker", offsetof(struct slot, unpacker) },
	{ "storer", offsetof(struct slot, storer) },
	{ "keeper", offsetof(struct slot, keeper) },
};
enum { HELPERS = sizeof helpers / sizeof *helpers, KEEPER = HELPERS - 1 };

static struct role *helper(struct slot *s, size_t i)
{
	return (struct role *)(void *)((char *)s + helpers[i].offset);
}

static bool helpers_run(struct slot *s)
{
	bool any = false;
	for (size_t i = 0; i < HELPERS; i++)
		any |= role_runs(helper(s, i));
	return any;
}

static void kill_helpers(struct slot *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		role_signal(helper(s, i), SIGKILL);
}

static void ring(struct slot *s)
{
	uint64_t one = 1;
	ssize_t ignored = write(s->doorbell, &one, sizeof one);
	(void)ignored;
}

static void mend_journal(struct slot *s)
{
	struct slot_result result;
	struct err e = { 0 };
	if (slot_result(s->events, &result, &e) == 0 && result.found)
		return;
	err_clear(&e);
	if (slot_write_lost(s->dir, "the worker of this job died", &e) < 0)
		log_error("verdict", "job", s->name, "err", e.msg, NULL);
	ring(s);
}

static void look_over(struct slot *s);

static void look_again(struct timer *t)
{
	look_over((struct slot *)(void *)((char *)t - offsetof(struct slot, empty)));
}

/* Its init has ended, and with it every process of the job; its services' too. Bounded: the kernel takes its time with a
 * process in the middle of its disk's. */
static bool box_empty(struct slot *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	if ((s->pidfd < 0 || poll(&p, 1, 0) == 1) && slot_services_gone(s))
		return true;
	if (s->looks++ < LOOKS) {
		s->empty.fire = look_again;
		loop_timer(s->host->loop, &s->empty, LOOK_MS);
		return false;
	}
	log_error("the sandbox did not end", "job", s->name, NULL);
	return true;
}

static void look_over(struct slot *s)
{
	if (s->state != SLOT_ENDING || helpers_run(s) || !box_empty(s))
		return;
	loop_timer_clear(s->host->loop, &s->patience);
	s->state = SLOT_OVER;
	if (s->over)
		s->over(s);
}

static void patience_over(struct timer *t)
{
	struct slot *s = (struct slot *)(void *)((char *)t - offsetof(struct slot, patience));
	log_warn("a role outlived its job and is killed", "job", s->name, NULL);
	kill_helpers(s, HELPERS);
}

/* Its socket to init has closed with it: the sandbox is dying or dead. */
void slot_worker_ended(struct role *r, int status)
{
	struct slot *s = (struct slot *)(void *)((char *)r - offsetof(struct slot, worker));
	(void)status;
	if (s->socket.fd >= 0)
		loop_unwatch(s->host->loop, &s->socket);
	fd_close(&s->socket.fd);
	s->sandbox_pending = false; /* if it comes all the same, it finds its worker gone */
	slot_box_forget(s);
	s->state = SLOT_ENDING;
	mend_journal(s);
	kill_helpers(s, KEEPER);
	s->patience.fire = patience_over;
	loop_timer(s->host->loop, &s->patience, KEEPER_MS);
	look_over(s);
}

/* The slot that a helper belongs to, by which one it is. */
static struct slot *slot_of_helper(struct role *r)
{
	for (size_t i = 0; i < HELPERS; i++)
		if (strcmp(helpers[i].name, r->name) == 0)
			return (struct slot *)(void *)((char *)r - helpers[i].offset);
	return NULL;
}

void slot_helper_ended(struct role *r, int status)
{
	struct slot *s = slot_of_helper(r);
	(void)status;
	if (!s)
		return;
	if (r == &s->keeper)
		slot_keeper_ended(s);
	slot_serve_waiting(s);
	look_over(s);
}

void slot_drop(struct slot *s)
{
	role_signal(&s->worker, SIGKILL);
}

void slot_release(struct slot *s)
{
	int *fds[] = { &s->log,    &s->events, &s->doorbell, &s->pidfd,
		       &s->userns, &s->mntns,  &s->snapshot };
	if (s->dir >= 0 && !s->keep_dir)
		sweep_remove(s->host, s->name);
	if (s->socket.fd >= 0)
		loop_unwatch(s->host->loop, &s->socket);
	if (s->keeper_socket.fd >= 0)
		loop_unwatch(s->host->loop, &s->keeper_socket);
	fd_close(&s->socket.fd);
	fd_close(&s->keeper_socket.fd);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		fd_close(fds[i]);
	slot_services_done(s);
	slot_limits_end(s);
	loop_timer_clear(s->host->loop, &s->patience);
	loop_timer_clear(s->host->loop, &s->empty);
	secret_done(&s->revocable);
	slot_profile_done(s);
	free(s->waiting.url);
	s->waiting.url = NULL;
	fd_close(&s->dir);
	fd_close(&s->lock);
	s->state = SLOT_FREE;
	snapshot_idle(s->host);
}
