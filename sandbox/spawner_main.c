/*
 * courser-spawner: makes every sandbox. It stays tiny, because a clone copies it; it parses nothing
 * but specs of fixed size; and it stays dumpable, without Landlock and no_new_privs, because each
 * of these would forbid writing id maps, newuidmap or mounts. fd 3: the supervisor.
 */
#include "base/fd.h"
#include "base/log.h"
#include "sandbox/order.h"
#include "sandbox/ready.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	SUPERVISOR = 3,
	LIVE_MAX = 4096,
	EXECUTABLE = 0x0010, /* MFD_EXEC, Linux 6.3 */
};

static struct {
	struct order_means means;
	struct ready ready;
	struct live {
		pid_t pid;
		uint64_t cookie;
	} live[LIVE_MAX];
} spawner;

static int order_read(struct order *o, struct msg *m, struct err *e)
{
	size_t n;
	order_init(o);
	o->cookie = msg_get_u64(m);
	const void *spec = msg_get_bytes(m, &n);
	if ((m->type != SANDBOX_SPAWN && m->type != SANDBOX_PREPARE) || n != sizeof o->spec)
		return err_set(e, EPROTO, "message %u with %zu bytes", m->type, n);
	memcpy(&o->spec, spec, sizeof o->spec);
	while (o->nfds < SANDBOX_FDS && m->fdat < m->nfds)
		o->fds[o->nfds++] = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	return sandbox_spec_check(&o->spec, o->nfds, e);
}

static struct live *live_find(pid_t pid)
{
	for (size_t i = 0; i < LIVE_MAX; i++)
		if (spawner.live[i].pid == pid)
			return &spawner.live[i];
	return NULL;
}

static int spawn(struct order *o, struct err *e)
{
	struct live *l = live_find(0);
	if (!l)
		return err_set(e, EAGAIN, "%d sandboxes are there", LIVE_MAX);
	if (order_sources(o, &spawner.means, e) < 0)
		return -1;
	if (!ready_take(&spawner.ready, o) && order_make(o, &spawner.means, e) < 0)
		return -1;
	*l = (struct live){ .pid = o->child.pid, .cookie = o->cookie };
	return 0;
}

/* Send, and wait for room as long as the supervisor lives. */
static int say(const struct msg *m, struct err *e)
{
	struct pollfd p = { .fd = SUPERVISOR, .events = POLLOUT };
	while (msg_send(SUPERVISOR, m, e) < 0) {
		if (e->code != EAGAIN)
			return -1;
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
	}
	return 0;
}

static int answer(struct order *o, struct err *e)
{
	struct err why = { 0 };
	automsg m;
	msg_init(&m, SANDBOX_SPAWNED);
	msg_put_u64(&m, o->cookie);
	if (spawn(o, &why) < 0) {
		err_wrap(&why, "sandbox");
		msg_put_u32(&m, 0);
		msg_put_str(&m, why.msg);
		return say(&m, e);
	}
	msg_put_u32(&m, 1);
	msg_put_str(&m, o->report + 1);
	msg_put_u32(&m, o->spec.uid);
	msg_put_u32(&m, o->spec.gid);
	msg_put_fd(&m, o->init);
	msg_put_fd(&m, o->child.pidfd);
	msg_put_fd(&m, o->userns);
	msg_put_fd(&m, o->mntns);
	return say(&m, e);
}

/* Nobody waits for it: a sandbox that cannot be had now is made when it is asked for, and said then. */
static int prepare_one(const struct sandbox_spec *spec)
{
	struct err e = { 0 };
	if (spec->nmounts || spec->cgroup_fd >= 0)
		return -1;
	if (ready_prepare(&spawner.ready, &spawner.means, spec, &e) < 0)
		log_info("no sandbox is ready", "reason", e.msg, NULL);
	return 0;
}

/* 1 served, 0 the supervisor is gone, -1 it speaks nonsense or cannot be answered. */
static int serve(struct err *e)
{
	static struct order o;
	automsg m;
	int r = msg_recv(SUPERVISOR, &m, e);
	if (r <= 0)
		return r;
	r = order_read(&o, &m, e);
	if (m.type == SANDBOX_PREPARE) {
		r = r < 0 ? -1 : prepare_one(&o.spec);
	} else if (r < 0 && m.type == SANDBOX_SPAWN) {
		automsg no;
		msg_init(&no, SANDBOX_SPAWNED);
		msg_put_u64(&no, o.cookie);
		msg_put_u32(&no, 0);
		msg_put_str(&no, e->msg);
		r = say(&no, e);
	} else if (r == 0) {
		r = answer(&o, e);
	}
	order_done(&o);
	return r < 0 ? -1 : 1;
}

static int reap(struct err *e)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct live *l = ready_ended(&spawner.ready, pid) ? NULL : live_find(pid);
		if (!l)
			continue;
		automsg m;
		msg_init(&m, SANDBOX_GONE);
		msg_put_u64(&m, l->cookie);
		msg_put_u32(&m, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status)
						  : 128u + (uint32_t)WTERMSIG(status));
		*l = (struct live){ 0 };
		if (say(&m, e) < 0)
			return -1;
	}
	return 0;
}

/* --- start ---------------------------------------------------------------------------------------
 */

/* courser-init lies beside us. */
static int open_init(struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "courser-init");
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash)
		return err_sys(e, "/proc/self/exe");
	memcpy(slash + 1, "courser-init", sizeof "courser-init");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

/* A copy in memory that nothing can change, not even root by /proc/1/exe. */
static int seal_init(struct err *e)
{
	autofd file = open_init(e);
	struct stat st;
	if (file < 0)
		return -1;
	autofd copy = memfd_create("courser-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE);
	if (copy < 0)
		copy = memfd_create("courser-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0 || fstat(file, &st) < 0)
		return err_sys(e, "courser-init");
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, file, NULL, (size_t)left);
		if (n <= 0)
			return err_sys(e, "courser-init");
		left -= n;
	}
	if (fchmod(copy, 0555) < 0 ||
	    fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_sys(e, "courser-init");
	return fd_take(&copy);
}

static int prepare(struct err *e)
{
	sigset_t mask;
	spawner.means.init = seal_init(e);
	if (spawner.means.init < 0 || !seccomp_job(SANDBOX_PROFILE_DEFAULT, e) ||
	    etc_refresh(&spawner.means.hidden, e) < 0)
		return -1;
	stage_init(&spawner.means.stage);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}

static int run(struct err *e)
{
	autofd signals = prepare(e);
	if (signals < 0)
		return -1;
	for (;;) {
		struct pollfd p[] = { { .fd = SUPERVISOR, .events = POLLIN },
				      { .fd = signals, .events = POLLIN },
				      { .fd = spawner.means.stage.mounts, .events = POLLPRI },
				      { .fd = spawner.means.stage.watch, .events = POLLIN } };
		struct signalfd_siginfo si;
		if (poll(p, sizeof p / sizeof *p, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (p[2].revents || p[3].revents) {
			stage_forget(&spawner.means.stage);
			ready_forget(&spawner.ready);
		}
		if (p[1].revents && read(signals, &si, sizeof si) > 0 && reap(e) < 0)
			return -1;
		if (!p[0].revents)
			continue;
		int r = serve(e);
		if (r <= 0)
			return r;
	}
}

int main(void)
{
	struct err e = { 0 };
	log_setup("spawner");
	if (fcntl(SUPERVISOR, F_SETFD, FD_CLOEXEC) < 0)
		err_sys(&e, "fd %d", SUPERVISOR);
	int r = e.code ? -1 : run(&e);
	ready_done(&spawner.ready);
	if (r < 0)
		log_error("spawner ends", "error", e.msg, NULL);
	return r < 0;
}
