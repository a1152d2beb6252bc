#include "sandbox/stage.h"

#include "base/fd.h"
#include "base/log.h"
#include "sandbox/dev.h"
#include "sandbox/idmap.h"
#include "sandbox/ns.h"
#include "sandbox/rootfs.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* NOBODY: what is made belongs to an id that no job has, and its maker can on the host what anybody
 * can: the overlay of /etc looks at the host's with its rights. */
enum { NOBODY = 65534, MAKE_MS = 20000, SAID = 512 };

void stage_init(struct stage *g)
{
	memset(g, 0, sizeof *g);
	memset(g->ns, -1, sizeof g->ns);
	g->watch = -1;
	g->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	g->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	g->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

void stage_forget(struct stage *g)
{
	for (size_t i = 0; i < SANDBOX_NETS; i++) {
		fd_close(&g->ns[i]);
		g->no[i] = false;
	}
	fd_close(&g->watch);
}

/* --- making one ----------------------------------------------------------------------------------
 */

static int (*const steps[])(struct setup *s, struct err *e) = {
	idmap_wait, rootfs_mount,  rootfs_host,  etc_mount,         dev_nodes,
	dev_kernel, rootfs_places, rootfs_pivot, rootfs_seal_stage,
};

static _Noreturn void maker(struct setup *s)
{
	struct err e = { 0 };
	char byte;
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps; i++)
		r = steps[i](s, &e);
	const char *said = r < 0 ? e.msg : s->notes;
	if (send(s->sync, said, strlen(said) + 1, MSG_NOSIGNAL) > 0)
		r = read(s->sync, &byte, 1) != 0;
	_exit(r != 0);
}

/* The maker's last word; "" is the right one. */
static int hear(int sync, struct err *e)
{
	char said[SAID];
	struct pollfd p = { .fd = sync, .events = POLLIN };
	ssize_t n = poll(&p, 1, MAKE_MS) == 1 ? recv(sync, said, sizeof said - 1, 0) : -1;
	if (n <= 0)
		return err_set(e, EIO, "no answer");
	said[n] = '\0';
	return said[0] ? err_set(e, EIO, "%s", said) : 0;
}

/* The mount namespace that the maker leaves behind. */
static int take(int sync, const struct sandbox_spec *as, pid_t pid, struct err *e)
{
	if (idmap_write(as, pid, e) < 0)
		return -1;
	if (send(sync, "", 1, MSG_NOSIGNAL) < 0)
		return err_sys(e, "send");
	return hear(sync, e) < 0 ? -1 : ns_open(pid, "mnt", e);
}

static int make(const struct sandbox_spec *spec, const struct etc_hidden *hidden, struct err *e)
{
	static struct sandbox_spec as;
	struct ns_child child;
	int sync[2];
	as = *spec;
	as.nuids = as.ngids = 1;
	as.uids[0] = as.gids[0] = (struct sandbox_ids){ 0, NOBODY, 1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	struct setup s = { .spec = &as, .sync = sync[1], .root = -1, .hidden = hidden };
	int r = ns_clone(ns_flags((enum sandbox_net)as.net), -1, &child, e);
	if (r == 0 && child.pid == 0) {
		close(sync[0]);
		maker(&s);
	}
	close(sync[1]);
	if (r == 0) {
		r = take(sync[0], &as, child.pid, e);
		syscall(SYS_pidfd_send_signal, child.pidfd, SIGKILL, NULL, 0);
		waitpid(child.pid, NULL, 0);
		fd_close(&child.pidfd);
	}
	close(sync[0]);
	return r;
}

/* --- having one ----------------------------------------------------------------------------------
 */

struct stage_key stage_key(const struct sandbox_spec *s)
{
	static const char *const paths[] = { "/", "/etc/hosts", "/etc/resolv.conf" };
	struct stage_key k;
	memset(&k, 0, sizeof k); /* compared as bytes */
	k.uid = s->uid;
	k.gid = s->gid;
	snprintf(k.home, sizeof k.home, "%s", s->home);
	snprintf(k.work, sizeof k.work, "%s", s->work);
	snprintf(k.hostname, sizeof k.hostname, "%s", s->hostname);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct stat st;
		if (stat(paths[i], &st) < 0)
			continue;
		k.changed[i] = st.st_mtim;
		k.inodes[i] = st.st_ino;
	}
	return k;
}

int stage_watch(struct stage *g, const struct etc_hidden *hidden, struct err *e)
{
	if (g->watch < 0)
		g->watch = etc_watch(hidden, e);
	return g->watch < 0 ? -1 : 0;
}

static int ready(struct stage *g, const struct sandbox_spec *s, const struct etc_hidden *hidden,
		 struct err *e)
{
	struct stage_key k = stage_key(s);
	if (memcmp(&k, &g->key[s->net], sizeof k) != 0) {
		fd_close(&g->ns[s->net]);
		g->no[s->net] = false;
	}
	g->key[s->net] = k;
	if (g->ns[s->net] >= 0 || g->no[s->net])
		return g->ns[s->net];
	g->no[s->net] = true;
	g->ns[s->net] = stage_watch(g, hidden, e) < 0 ? -1 : make(s, hidden, e);
	return g->ns[s->net];
}

bool stage_enter(struct stage *g, const struct sandbox_spec *s, const struct etc_hidden *hidden)
{
	struct err e = { 0 };
	if (s->map_by != SANDBOX_MAP_DIRECT || g->home < 0 || g->root < 0 || g->mounts < 0)
		return false;
	int ns = ready(g, s, hidden, &e);
	if (ns >= 0 && setns(ns, CLONE_NEWNS) == 0)
		return true;
	if (e.code)
		log_info("sandboxes without a prepared root", "reason", e.msg, NULL);
	return false;
}

int stage_leave(const struct stage *g, struct err *e)
{
	if (setns(g->home, CLONE_NEWNS) < 0 || fchdir(g->root) < 0 || chroot(".") < 0)
		return err_sys(e, "back to the host's mounts");
	return 0;
}
