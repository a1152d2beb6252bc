/*
 * courser-init: PID 1 of a sandbox. It is the job's own uid, without a capability, under the job's
 * filters; so it can do nothing that the job could not. It starts steps, reaps, and says so. fd 3:
 * the worker. When that socket closes it exits, and the kernel ends whatever is left in its pid
 * namespace.
 */
#include "base/fd.h"
#include "base/rest.h"
#include "base/str.h"
#include "sandbox/ports.h"
#include "sandbox/sandbox.h"
#include "sandbox/step.h"
#include "sandbox/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum { WORKER = 3, LIST_BYTES = 4096, LINE_BYTES = 256, SAMPLE_NS = 200000000 };

#ifdef COURSER_SANITIZED
/* The leak checker cannot attach to what is not dumpable. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static struct {
	char home[SANDBOX_PATH + 8]; /* "HOME=…" of an image's user; else "" */
	struct running {
		pid_t pid;
		uint32_t id;
	} running[SANDBOX_STEPS];
	int timer; /* of the samples, -1 none */
	uint64_t memory_max, memory_peak;
} init = { .timer = -1 };

/* Waits for room: nothing may be lost, and a worker that does not read loses only its own time. The fd goes
 * along if it is not -1. */
static int say_with(const struct sandbox_event *ev, int fd, struct err *e)
{
	struct pollfd p = { .fd = WORKER, .events = POLLOUT };
	automsg m;
	msg_init(&m, ev->what);
	msg_put_u32(&m, ev->id);
	msg_put_u32(&m, ev->pid);
	msg_put_u32(&m, ev->signalled);
	msg_put_u32(&m, ev->code);
	msg_put_str(&m, ev->text ? ev->text : "");
	if (fd >= 0)
		msg_put_fd(&m, fd);
	while (msg_send(WORKER, &m, e) < 0) {
		if (e->code != EAGAIN)
			return -1;
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
	}
	return 0;
}

static int say(const struct sandbox_event *ev, struct err *e)
{
	return say_with(ev, -1, e);
}

static int say_error(uint32_t id, const struct err *why, struct err *e)
{
	struct sandbox_event ev = { .what = SANDBOX_INIT_ERROR, .id = id, .text = why->msg };
	return say(&ev, e);
}

static struct running *find(pid_t pid)
{
	for (size_t i = 0; i < SANDBOX_STEPS; i++)
		if (init.running[i].pid == pid)
			return &init.running[i];
	return NULL;
}

static int reap(struct err *e)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct running *r = find(pid);
		if (!r)
			continue;
		struct sandbox_event ev = {
			.what = SANDBOX_INIT_ENDED,
			.id = r->id,
			.signalled = WIFSIGNALED(status),
			.code = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status)
							       : WEXITSTATUS(status)),
		};
		*r = (struct running){ 0 };
		if (say(&ev, e) < 0)
			return -1;
	}
	return 0;
}

static int serve_file(struct msg *m, struct err *e)
{
	struct err why = { 0 };
	const char *dir = msg_get_str(m), *name = msg_get_str(m);
	autofd memfd = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (step_write_file(dir, name, memfd, 0600, &why) < 0)
		return say_error(0, &why, e);
	struct sandbox_event ev = { .what = SANDBOX_INIT_FILE_DONE, .text = name };
	return say(&ev, e);
}

static int serve_run(struct msg *m, struct err *e)
{
	struct err why = { 0 };
	struct step s;
	struct running *slot = find(0);
	if (step_read(&s, m, e) < 0)
		return -1;
	s.home = init.home[0] ? init.home : NULL;
	pid_t pid = slot ? step_start(&s, &why) : err_set(&why, EAGAIN, "too many steps at once");
	step_done(&s);
	if (pid < 0)
		return say_error(s.id, &why, e);
	*slot = (struct running){ .pid = pid, .id = s.id };
	struct sandbox_event ev = { .what = SANDBOX_INIT_STARTED,
				    .id = s.id,
				    .pid = (uint32_t)pid };
	if (say(&ev, e) < 0)
		return -1;
	rest(); /* until the step ends there is little to do */
	return 0;
}

static int serve_signal(struct msg *m, struct err *e)
{
	uint32_t sig = msg_get_u32(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (sig > 0 && sig < NSIG)
		kill(-1, (int)sig);
	return 0;
}

/* "pid\tcommand line\n" into out, which has LINE_BYTES; 0 when there is no such process. */
static int describe(int proc, const char *pid, char *out)
{
	char path[32];
	snprintf(path, sizeof path, "%.10s/cmdline", pid);
	autofd fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	int at = snprintf(out, LINE_BYTES, "%.10s\t", pid);
	ssize_t n = fd < 0 ? -1 : read(fd, out + at, (size_t)(LINE_BYTES - at - 2));
	if (n < 0)
		return 0;
	while (n > 0 && out[at + n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)out[at + i] < ' ' || out[at + i] == 0x7f)
			out[at + i] = ' ';
	out[at + n] = '\n';
	out[at + n + 1] = '\0';
	return at + (int)n + 1;
}

static int serve_list(struct msg *m, struct err *e)
{
	char text[LIST_BYTES + LINE_BYTES];
	size_t at = 0;
	if (msg_end(m, e) < 0)
		return -1;
	text[0] = '\0';
	DIR *proc = opendir("/proc");
	for (struct dirent *d; proc && at < LIST_BYTES - LINE_BYTES && (d = readdir(proc)) != NULL;)
		if (d->d_name[0] > '0' && d->d_name[0] <= '9' && strcmp(d->d_name, "1") != 0)
			at += (size_t)describe(dirfd(proc), d->d_name, text + at);
	if (proc)
		closedir(proc);
	struct sandbox_event ev = { .what = SANDBOX_INIT_PROCESSES, .text = text };
	return say(&ev, e);
}

static int serve_wipe(struct msg *m, struct err *e)
{
	struct err why = { 0 };
	const char *path = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	kill(-1, SIGKILL);
	(void)chmod(path, 0755); /* what is tried next reports a failure */
	autofd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		err_sys(&why, "%s", path);
	else if (fd_clear_tree(dir, &why) < 0)
		err_wrap(&why, "%s", path);
	struct sandbox_event ev = { .what = SANDBOX_INIT_WIPED, .text = why.msg };
	return say(&ev, e);
}

/* git compares files with what its index says of them unless they are older than it is. */
static int copy_tree(const char *from, const char *to, struct err *e)
{
	autofd in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	autofd out = in < 0 ? -1 : open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (out < 0)
		return err_sys(e, "%s", in < 0 ? from : to);
	umask(022);
	if (fd_copy_tree(in, out, e) < 0)
		return -1;
	return utimensat(out, ".git/index", NULL, 0) < 0 && errno != ENOENT ? err_sys(e, "index")
									    : 0;
}

static int serve_copy(struct msg *m, struct err *e)
{
	struct err why = { 0 };
	const char *from = msg_get_str(m), *to = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	(void)!copy_tree(from, to, &why);
	struct sandbox_event ev = { .what = SANDBOX_INIT_COPIED, .text = why.msg };
	return say(&ev, e);
}

/* O_NONBLOCK: a FIFO of that name holds nobody up. */
static int serve_open(struct msg *m, struct err *e)
{
	struct err why = { 0 };
	const char *dir = msg_get_str(m), *path = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	autofd d = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd fd = d < 0 ? err_sys(&why, "%s", dir)
			  : fd_open_beneath(d, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &why);
	struct sandbox_event ev = {
		.what = SANDBOX_INIT_OPENED,
		.code = (uint32_t)why.code,
		.text = why.msg,
	};
	return say_with(&ev, fd, e);
}

/* --- memory, where no cgroup holds it ------------------------------------------------------------ */

static int serve_watch(struct msg *m, struct err *e)
{
	struct itimerspec every = { { 0, SAMPLE_NS }, { 0, SAMPLE_NS } };
	init.memory_max = msg_get_u64(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (init.timer < 0)
		init.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (init.timer < 0 || timerfd_settime(init.timer, 0, &every, NULL) < 0)
		return err_sys(e, "timer");
	return 0;
}

/* More than is allowed: everything ends, as the kernel would have it end. */
static int sample(struct err *e)
{
	char text[STR_NUM];
	uint64_t times;
	if (read(init.timer, &times, sizeof times) < 0)
		return 0;
	uint64_t now = usage_memory(init.memory_max);
	if (now > init.memory_peak)
		init.memory_peak = now;
	if (now <= init.memory_max)
		return 0;
	kill(-1, SIGKILL);
	struct sandbox_event ev = { .what = SANDBOX_INIT_MEMORY, .text = str_num(text, now) };
	return say(&ev, e);
}

static int serve_measure(struct msg *m, struct err *e)
{
	char text[LINE_BYTES];
	struct rusage u;
	if (msg_end(m, e) < 0 || getrusage(RUSAGE_CHILDREN, &u) < 0)
		return -1;
	uint64_t us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
		      (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	snprintf(text, sizeof text, "%llu %llu %llu", (unsigned long long)init.memory_peak,
		 (unsigned long long)u.ru_maxrss * 1024, (unsigned long long)us);
	struct sandbox_event ev = { .what = SANDBOX_INIT_MEASURED, .text = text };
	return say(&ev, e);
}

static int serve_ports(struct msg *m, struct err *e)
{
	unsigned ports[PORTS_MAX];
	uint32_t n = msg_get_u32(m);
	if (n > PORTS_MAX)
		return err_set(e, EPROTO, "%u ports", n);
	for (uint32_t i = 0; i < n; i++)
		ports[i] = msg_get_u32(m);
	if (msg_end(m, e) < 0)
		return -1;
	struct sandbox_event ev = { .what = SANDBOX_INIT_LISTENING,
				    .code = ports_answering(ports, n) };
	return say(&ev, e);
}

static const struct {
	uint32_t type;
	int (*serve)(struct msg *m, struct err *e);
} requests[] = {
	{ SANDBOX_INIT_FILE, serve_file },     { SANDBOX_INIT_RUN, serve_run },
	{ SANDBOX_INIT_SIGNAL, serve_signal }, { SANDBOX_INIT_LIST, serve_list },
	{ SANDBOX_INIT_WIPE, serve_wipe },     { SANDBOX_INIT_COPY, serve_copy },
	{ SANDBOX_INIT_WATCH, serve_watch },   { SANDBOX_INIT_MEASURE, serve_measure },
	{ SANDBOX_INIT_OPEN, serve_open },     { SANDBOX_INIT_PORTS, serve_ports },
};

/* 1 served, 0 the worker is gone, -1 it speaks nonsense. */
static int serve(struct err *e)
{
	automsg m;
	int r = msg_recv(WORKER, &m, e);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].type == m.type)
			return requests[i].serve(&m, e) < 0 ? -1 : 1;
	return err_set(e, EPROTO, "message %u", m.type);
}

/* The listener of our own filter is the worker's: nobody in here shall answer. */
static int say_ready(const char *listener, struct err *e)
{
	struct sandbox_event ready = { .what = SANDBOX_INIT_READY };
	autofd fd = listener ? (int)strtol(listener, NULL, 10) : -1;
	return say_with(&ready, fd, e);
}

/* One round: 1 go on, 0 the worker is gone, -1 the end. */
static int turn(int signals, struct err *e)
{
	struct pollfd p[3] = { { .fd = WORKER, .events = POLLIN },
			       { .fd = signals, .events = POLLIN },
			       { .fd = init.timer, .events = POLLIN } };
	struct signalfd_siginfo si;
	if (poll(p, 3, -1) < 0)
		return errno == EINTR ? 1 : -1;
	if (p[2].revents && sample(e) < 0)
		return -1;
	if (p[1].revents && read(signals, &si, sizeof si) > 0 && reap(e) < 0)
		return -1;
	return p[0].revents ? serve(e) : 1;
}

static int run(const char *listener, struct err *e)
{
	sigset_t mask;
	int r = 1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	autofd signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (say_ready(listener, e) < 0 || signals < 0)
		return -1;
	while (r > 0)
		r = turn(signals, e);
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || fcntl(WORKER, F_SETFD, FD_CLOEXEC) < 0)
		return 1;
	if (argc > 2)
		snprintf(init.home, sizeof init.home, "HOME=%s", argv[2]);
	return run(argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : NULL, &e) < 0;
}
