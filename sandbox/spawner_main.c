/*
 * courser-spawner: makes every sandbox. It stays tiny, because a clone copies it; it parses nothing
 * but specs of fixed size; and it stays dumpable, without Landlock and no_new_privs, because each
 * of these would forbid writing id maps, newuidmap or mounts. fd 3: the supervisor.
 */
#include "base/fd.h"
#include "base/log.h"
#include "sandbox/etc.h"
#include "sandbox/idmap.h"
#include "sandbox/mounts.h"
#include "sandbox/ns.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"
#include "sandbox/setup.h"
#include "sandbox/stage.h"

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
	CONTROL = 3, /* what init finds its socket as */
	LIVE_MAX = 4096,
	SETUP_MS = 20000,
	REPORT = 1024,
	EXECUTABLE = 0x0010, /* MFD_EXEC, Linux 6.3 */
};

static struct {
	int init; /* courser-init, sealed: no job can write what it runs as */
	struct seccomp_filter seccomp;
	struct etc_hidden hidden;
	struct stage stage;
	struct live {
		pid_t pid;
		uint64_t cookie;
	} live[LIVE_MAX];
} spawner;

/* A request, and what is made for it. */
struct order {
	uint64_t cookie;
	struct sandbox_spec spec;
	int control;
	int fds[SANDBOX_FDS];
	unsigned nfds;
	struct setup setup;
	struct ns_child child;
	int sync, userns, mntns;
	char report[REPORT]; /* what the child said: 'E' and an error, or 'N' and notes */
};

static void order_done(struct order *o)
{
	fd_close(&o->control);
	for (unsigned i = 0; i < o->nfds; i++)
		fd_close(&o->fds[i]);
	mounts_close_sources(&o->setup);
	fd_close(&o->child.pidfd);
	fd_close(&o->sync);
	fd_close(&o->userns);
	fd_close(&o->mntns);
}

static int order_read(struct order *o, struct msg *m, struct err *e)
{
	size_t n;
	memset(o, 0, sizeof *o);
	o->control = o->sync = o->userns = o->mntns = o->child.pidfd = o->setup.root = -1;
	memset(o->setup.trees, -1, sizeof o->setup.trees);
	o->cookie = msg_get_u64(m);
	const void *spec = msg_get_bytes(m, &n);
	if (m->type != SANDBOX_SPAWN || n != sizeof o->spec)
		return err_set(e, EPROTO, "message %u with %zu bytes", m->type, n);
	memcpy(&o->spec, spec, sizeof o->spec);
	o->control = msg_get_fd(m);
	while (o->nfds < SANDBOX_FDS && m->fdat < m->nfds)
		o->fds[o->nfds++] = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	return sandbox_spec_check(&o->spec, o->nfds, e);
}

/* --- the child -----------------------------------------------------------------------------------
 */

static void report(int sync, char kind, const char *text)
{
	char line[REPORT];
	int n = snprintf(line, sizeof line, "%c%s", kind, text);
	ssize_t ignored = send(sync, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1,
			       MSG_NOSIGNAL);
	(void)ignored;
}

/* 0, 1, 2 and its socket; everything else goes when it is executed. */
static int exec_init(const struct order *o)
{
	autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *argv[] = { (char[]){ "courser-init" }, (char *)(uintptr_t)o->spec.files_dir, NULL };
	char *envp[] = { NULL };
	sigset_t none;
	sigemptyset(&none);
	if (null < 0 || setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -1;
#ifdef COURSER_SANITIZED
	enum { SILENT = 2 }; /* the sanitizers speak on 2 */
#else
	enum { SILENT = 3 };
#endif
	for (int i = 0; i < SILENT; i++)
		if (dup2(null, i) < 0)
			return -1;
	if (dup2(o->control, CONTROL) < 0 || close_range(CONTROL + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	return (int)syscall(SYS_execveat, spawner.init, "", argv, envp, AT_EMPTY_PATH);
}

static void child_run(struct order *o, int sync)
{
	struct err e = { 0 };
	o->setup.sync = sync;
	if (setup_enter(&o->setup, &e) == 0) {
		report(sync, 'N', o->setup.notes);
		exec_init(o);
		err_sys(&e, "courser-init");
	}
	report(sync, 'E', e.msg);
	_exit(1);
}

/* --- the parent ----------------------------------------------------------------------------------
 */

/* Everything that the child said until it executed init, or ended. */
static int hear(struct order *o, struct err *e)
{
	struct pollfd p = { .fd = o->sync, .events = POLLIN };
	o->report[0] = '\0';
	for (;;) {
		char text[REPORT];
		int r = poll(&p, 1, SETUP_MS);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(e, ETIMEDOUT, "set-up: no end within %d ms", SETUP_MS);
		ssize_t n = recv(o->sync, text, sizeof text - 1, 0);
		if (n <= 0)
			break;
		text[n] = '\0';
		memcpy(o->report, text, (size_t)n + 1);
	}
	if (o->report[0] == 'N')
		return 0;
	return err_set(e, EIO, "%s", o->report[0] ? o->report + 1 : "the set-up was killed");
}

static int map_and_hear(struct order *o, struct err *e)
{
	o->userns = ns_open(o->child.pid, "user", e);
	o->mntns = o->userns < 0 ? -1 : ns_open(o->child.pid, "mnt", e);
	if (o->mntns < 0)
		return -1;
	if (idmap_write(&o->spec, o->child.pid, e) < 0)
		return err_wrap(e, "id maps");
	if (send(o->sync, "", 1, MSG_NOSIGNAL) < 0)
		return err_sys(e, "set-up");
	return hear(o, e);
}

static struct live *live_find(pid_t pid)
{
	for (size_t i = 0; i < LIVE_MAX; i++)
		if (spawner.live[i].pid == pid)
			return &spawner.live[i];
	return NULL;
}

/* Whether nothing is left to be looked up by its path on the host, or to be made in a root that is
 * read-only. */
static bool fits_stage(const struct order *o)
{
	for (uint32_t i = 0; i < o->spec.nmounts; i++) {
		const struct sandbox_mount *m = &o->spec.mounts[i];
		if (m->kind != SANDBOX_TMPFS && o->setup.trees[i] < 0)
			return false;
		if (!sandbox_path_beneath(m->target, o->spec.work) &&
		    !sandbox_path_beneath(m->target, "/run"))
			return false;
	}
	return true;
}

static int clone_child(struct order *o, struct err *e)
{
	struct err back = { 0 };
	int cgroup = o->spec.cgroup_fd >= 0 ? o->fds[o->spec.cgroup_fd] : -1;
	o->setup.staged = fits_stage(o) && stage_enter(&spawner.stage, &o->spec, &spawner.hidden);
	int r = ns_clone(ns_flags((enum sandbox_net)o->spec.net), cgroup, &o->child, e);
	if (o->child.pid == 0 || !o->setup.staged || stage_leave(&spawner.stage, &back) == 0)
		return r;
	log_error("spawner ends", "error", back.msg, NULL);
	_exit(1);
}

static int start(struct order *o, struct err *e)
{
	int sync[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	o->sync = sync[0];
	int r = clone_child(o, e);
	if (r == 0 && o->child.pid == 0) {
		close(sync[0]);
		child_run(o, sync[1]);
	}
	close(sync[1]);
	if (r < 0 || map_and_hear(o, e) == 0)
		return r;
	syscall(SYS_pidfd_send_signal, o->child.pidfd, SIGKILL, NULL, 0);
	waitpid(o->child.pid, NULL, 0);
	return -1;
}

static int spawn(struct order *o, struct err *e)
{
	struct err deferred = { 0 };
	struct live *l = live_find(0);
	if (!l)
		return err_set(e, EAGAIN, "%d sandboxes are there", LIVE_MAX);
	o->setup.spec = &o->spec;
	o->setup.fds = o->fds;
	o->setup.hidden = &spawner.hidden;
	o->setup.seccomp = &spawner.seccomp;
	if (idmap_prepare(&o->spec, e) < 0 || etc_refresh(&spawner.hidden, e) < 0)
		return -1;
	if (mounts_open_sources(&o->setup, true, &deferred) < 0)
		return err_set(e, deferred.code, "%s", deferred.msg);
	if (start(o, e) < 0)
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
	msg_put_fd(&m, o->child.pidfd);
	msg_put_fd(&m, o->userns);
	msg_put_fd(&m, o->mntns);
	return say(&m, e);
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
	if (r < 0 && m.type == SANDBOX_SPAWN) {
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
		struct live *l = live_find(pid);
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
	spawner.init = seal_init(e);
	if (spawner.init < 0 || seccomp_build("job", &spawner.seccomp, e) < 0 ||
	    etc_refresh(&spawner.hidden, e) < 0)
		return -1;
	stage_init(&spawner.stage);
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
				      { .fd = spawner.stage.mounts, .events = POLLPRI },
				      { .fd = spawner.stage.watch, .events = POLLIN } };
		struct signalfd_siginfo si;
		if (poll(p, sizeof p / sizeof *p, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (p[2].revents || p[3].revents)
			stage_forget(&spawner.stage);
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
	log_setup("spawner", LOG_INFO);
	if (fcntl(SUPERVISOR, F_SETFD, FD_CLOEXEC) < 0)
		err_sys(&e, "fd %d", SUPERVISOR);
	else if (run(&e) == 0)
		return 0;
	log_error("spawner ends", "error", e.msg, NULL);
	seccomp_done(&spawner.seccomp);
	return 1;
}
