#include "sandbox/ready.h"

#include "base/fd.h"
#include "base/log.h"
#include "sandbox/idmap.h"
#include "sandbox/mounts.h"
#include "sandbox/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/wait.h>

void ready_forget(struct ready *r)
{
	if (r->there)
		order_done(&r->order);
	r->there = false;
}

void ready_done(struct ready *r)
{
	pid_t pid = r->there ? r->order.child.pid : -1;
	if (pid > 0)
		syscall(SYS_pidfd_send_signal, r->order.child.pidfd, SIGKILL, NULL, 0);
	ready_forget(r);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

bool ready_ended(struct ready *r, pid_t pid)
{
	if (!r->there || r->order.child.pid != pid)
		return false;
	ready_forget(r);
	return true;
}

/* Whether they differ in nothing but mounts. */
static bool alike(const struct sandbox_spec *a, const struct sandbox_spec *b)
{
	enum {
		HEAD = offsetof(struct sandbox_spec, nmounts),
		REST = offsetof(struct sandbox_spec, uids),
		END = offsetof(struct sandbox_spec, mounts),
	};
	return memcmp(a, b, HEAD) == 0 &&
	       memcmp((const char *)a + REST, (const char *)b + REST, END - REST) == 0;
}

int ready_prepare(struct ready *r, struct order_means *with, const struct sandbox_spec *spec,
		  struct err *e)
{
	if (r->there && alike(&r->order.spec, spec))
		return 0;
	ready_forget(r);
	order_init(&r->order);
	r->order.spec = *spec;
	r->key = stage_key(spec);
	if (order_sources(&r->order, with, e) < 0 ||
	    stage_watch(&with->stage, &with->hidden, e) < 0 || order_make(&r->order, with, e) < 0) {
		order_done(&r->order);
		return -1;
	}
	r->there = true;
	return 0;
}

/* --- the job's mounts ---------------------------------------------------------------------------- */

/* In a child of its own, and with memory of its own: who changes ids is not dumpable any more, and the
 * spawner has to be. */
struct visit {
	struct order *o;
	int userns, mntns;
	struct shared { /* with the parent */
		bool done;
		struct err e;
	} * said;
};

/* An ordinary user may clone no mount of the host's, but those of a copy that its own namespace owns;
 * and opens them while it has the runner's own id. */
static int visit_sources(struct visit *v)
{
	struct setup *s = &v->o->setup;
	if (mounts_all_open(s))
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(&v->said->e, "mount namespace");
	return mounts_open_sources(s, false, &v->said->e);
}

static int enter(struct visit *v, struct err *e)
{
	struct setup *s = &v->o->setup;
	if (setns(v->userns, CLONE_NEWUSER) < 0)
		return err_sys(e, "user namespace");
	if (visit_sources(v) < 0 || idmap_become_maker(s->spec, e) < 0)
		return -1;
	if (setns(v->mntns, CLONE_NEWNS) < 0)
		return err_sys(e, "mount namespace");
	umask(022);
	s->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return err_sys(e, "/");
	return rootfs_open_work(s, e) < 0 || mounts_attach(s, e) < 0 ? -1 : rootfs_seal_work(s, e);
}

static bool attach(struct ready *r, struct order *o)
{
	struct visit v = { .o = o, .userns = r->order.userns, .mntns = r->order.mntns };
	v.said = mmap(NULL, sizeof *v.said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (v.said == MAP_FAILED)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		v.said->done = enter(&v, &v.said->e) == 0;
		_exit(0);
	}
	bool done = pid > 0 && waitpid(pid, NULL, 0) == pid && v.said->done;
	if (!done)
		log_info("a sandbox that was ready is not used", "reason", v.said->e.msg, NULL);
	munmap(v.said, sizeof *v.said);
	return done;
}

bool ready_take(struct ready *r, struct order *o)
{
	if (!r->there || !alike(&r->order.spec, &o->spec) || !order_fits_stage(o))
		return false;
	struct stage_key now = stage_key(&o->spec);
	bool fresh = memcmp(&now, &r->key, sizeof now) == 0;
	if (!fresh || !attach(r, o)) {
		ready_forget(r);
		if (fresh) /* some may be where they should not be */
			mounts_close_sources(&o->setup);
		return false;
	}
	o->child = r->order.child;
	o->init = fd_take(&r->order.init);
	o->userns = fd_take(&r->order.userns);
	o->mntns = fd_take(&r->order.mntns);
	memcpy(o->report, r->order.report, sizeof o->report);
	r->order.child = (struct ns_child){ -1, -1 };
	ready_forget(r);
	return true;
}
