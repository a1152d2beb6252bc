#include "sandbox/order.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/str.h"
#include "sandbox/idmap.h"
#include "sandbox/image_root.h"
#include "sandbox/mounts.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	CONTROL = 3, /* what init finds its socket as */
	SETUP_MS = 20000,
};

void order_init(struct order *o)
{
	memset(o, 0, sizeof *o);
	o->init = o->control = o->sync = o->userns = o->mntns = -1;
	o->child = (struct ns_child){ -1, -1 };
	o->setup.root = o->setup.listener = o->setup.layers = o->setup.upper = -1;
	memset(o->setup.trees, -1, sizeof o->setup.trees);
}

void order_done(struct order *o)
{
	fd_close(&o->init);
	fd_close(&o->control);
	for (unsigned i = 0; i < o->nfds; i++)
		fd_close(&o->fds[i]);
	mounts_close_sources(&o->setup);
	image_close_sources(&o->setup);
	fd_close(&o->child.pidfd);
	fd_close(&o->sync);
	fd_close(&o->userns);
	fd_close(&o->mntns);
}

int order_sources(struct order *o, struct order_means *with, struct err *e)
{
	struct err deferred = { 0 };
	o->setup.spec = o->setup.resolved = &o->spec;
	o->setup.fds = o->fds;
	o->setup.hidden = &with->hidden;
	o->setup.seccomp = seccomp_job((enum sandbox_profile)o->spec.profile, e);
	if (!o->setup.seccomp || idmap_prepare(&o->spec, e) < 0 ||
	    etc_refresh(&with->hidden, e) < 0)
		return -1;
	if (mounts_open_sources(&o->setup, true, &deferred) < 0)
		return err_set(e, deferred.code, "%s", deferred.msg);
	return o->spec.image.nlayers ? image_open_sources(&o->setup, e) : 0;
}

bool order_fits_stage(const struct order *o)
{
	if (o->spec.image.nlayers || o->spec.aliases[0])
		return false;
	for (uint32_t i = 0; i < o->spec.nmounts; i++)
		if (!sandbox_path_beneath(o->spec.mounts[i].target, o->spec.work) &&
		    !sandbox_path_beneath(o->spec.mounts[i].target, "/run"))
			return false;
	return true;
}

/* --- the child ----------------------------------------------------------------------------------- */

static void report(int sync, char kind, const char *text)
{
	char line[ORDER_REPORT];
	int n = snprintf(line, sizeof line, "%c%s", kind, text);
	ssize_t ignored = send(sync, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1,
			       MSG_NOSIGNAL);
	(void)ignored;
}

/* 0, 1, 2, its socket and the listener of its filter; everything else goes when it is executed. */
static int exec_init(const struct order *o, int init)
{
	autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char listener[STR_NUM], none_at_all[] = "-";
	char *home = o->spec.image.nlayers ? (char *)(uintptr_t)o->spec.home : NULL;
	char *argv[] = { (char[]){ "courser-init" }, o->setup.listener < 0 ? none_at_all : listener,
			 home, NULL };
	char *envp[] = { NULL };
	sigset_t none;
	sigemptyset(&none);
	str_num(listener, (uint64_t)o->setup.listener);
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
	if (o->setup.listener >= 0 && fcntl(o->setup.listener, F_SETFD, 0) < 0)
		return -1;
	return (int)syscall(SYS_execveat, init, "", argv, envp, AT_EMPTY_PATH);
}

static _Noreturn void child_run(struct order *o, int sync, int init)
{
	struct err e = { 0 };
	o->setup.sync = sync;
	if (setup_enter(&o->setup, &e) == 0) {
		report(sync, 'N', o->setup.notes);
		exec_init(o, init);
		err_sys(&e, "courser-init");
	}
	report(sync, 'E', e.msg);
	_exit(1);
}

/* --- the parent ---------------------------------------------------------------------------------- */

/* "U1000 1000": who the job is, of whom only its image knows. */
static bool heard_ids(struct order *o, const char *text)
{
	char *gid;
	if (text[0] != 'U')
		return false;
	o->spec.uid = (uint32_t)strtoul(text + 1, &gid, 10);
	o->spec.gid = (uint32_t)strtoul(gid, NULL, 10);
	return true;
}

/* Everything that the child said until it executed init, or ended. */
static int hear(struct order *o, struct err *e)
{
	struct pollfd p = { .fd = o->sync, .events = POLLIN };
	o->report[0] = '\0';
	for (;;) {
		char text[ORDER_REPORT];
		int r = poll(&p, 1, SETUP_MS);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(e, ETIMEDOUT, "set-up: no end within %d ms", SETUP_MS);
		ssize_t n = recv(o->sync, text, sizeof text - 1, 0);
		if (n <= 0)
			break;
		text[n] = '\0';
		if (heard_ids(o, text))
			continue;
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

static int clone_child(struct order *o, struct order_means *with, struct err *e)
{
	struct err back = { 0 };
	int cgroup = o->spec.cgroup_fd >= 0 ? o->fds[o->spec.cgroup_fd] : -1;
	o->setup.staged = mounts_all_open(&o->setup) && order_fits_stage(o) &&
			  stage_enter(&with->stage, &o->spec, &with->hidden);
	uint64_t flags = ns_flags((enum sandbox_net)o->spec.net);
	int r = o->spec.net == SANDBOX_NET_JOIN
			? ns_clone_joined(o->fds[o->spec.net_fd], flags, cgroup, &o->child, e)
			: ns_clone(flags, cgroup, &o->child, e);
	if (o->child.pid == 0 || !o->setup.staged || stage_leave(&with->stage, &back) == 0)
		return r;
	log_error("spawner ends", "error", back.msg, NULL);
	_exit(1);
}

static int open_sockets(struct order *o, int *ret_sync, struct err *e)
{
	int sync[2], pair[2];
	if (msg_pair(pair, e) < 0)
		return -1;
	o->init = pair[0];
	o->control = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	o->sync = sync[0];
	*ret_sync = sync[1];
	return 0;
}

int order_make(struct order *o, struct order_means *with, struct err *e)
{
	int sync;
	if (open_sockets(o, &sync, e) < 0)
		return -1;
	int r = clone_child(o, with, e);
	if (r == 0 && o->child.pid == 0) {
		close(o->sync);
		close(o->init);
		child_run(o, sync, with->init);
	}
	close(sync);
	fd_close(&o->control);
	if (r < 0 || map_and_hear(o, e) == 0)
		return r;
	syscall(SYS_pidfd_send_signal, o->child.pidfd, SIGKILL, NULL, 0);
	waitpid(o->child.pid, NULL, 0);
	return -1;
}
