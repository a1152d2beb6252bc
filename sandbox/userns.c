#include "sandbox/userns.h"

#include "base/coverage.h"
#include "base/fd.h"
#include "sandbox/idmap.h"
#include "sandbox/ns.h"

#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { FLAGS = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID };

/* The byte comes when the maps are written. A change of ids clears the parent-death signal. */
static int become(int sync, struct err *e)
{
	char byte;
	ssize_t n;
	do
		n = read(sync, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return err_set(e, EPIPE, "user namespace: it was not made");
	if (idmap_become(0, 0, e) < 0)
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "parent-death signal");
	return 0;
}

static _Noreturn void keep(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	coverage_flush();
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int take(const struct userns_maps *m, struct sandbox_spec *ret, struct err *e)
{
	if (m->map_by >= SANDBOX_MAP_WAYS || m->nuids < 1 || m->nuids > SANDBOX_MAPS ||
	    m->ngids < 1 || m->ngids > SANDBOX_MAPS)
		return err_set(e, EINVAL, "id maps");
	ret->map_by = m->map_by;
	ret->nuids = m->nuids;
	ret->ngids = m->ngids;
	memcpy(ret->uids, m->uids, sizeof ret->uids);
	memcpy(ret->gids, m->gids, sizeof ret->gids);
	return 0;
}

int userns_enter(const struct userns_maps *from, struct err *e)
{
	static struct sandbox_spec spec;
	const struct sandbox_spec *maps = &spec;
	struct ns_child child;
	int sync[2];
	if (take(from, &spec, e) < 0 || idmap_prepare(maps, e) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return err_sys(e, "socketpair");
	autofd ours = sync[0];
	autofd theirs = sync[1];
	if (ns_clone(FLAGS, -1, &child, e) < 0)
		return -1;
	if (child.pid == 0) {
		fd_close(&ours);
		return become(theirs, e);
	}
	fd_close(&theirs);
	if (idmap_write(maps, child.pid, e) == 0 && write(ours, "", 1) == 1)
		keep(child.pid);
	fd_close(&child.pidfd);
	fd_close(&ours); /* the child ends by itself */
	waitpid(child.pid, NULL, 0);
	return e->code ? -1 : err_sys(e, "user namespace");
}
