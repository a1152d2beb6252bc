#include "sandbox/confine.h"

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/caps.h"
#include "sandbox/idmap.h"
#include "sandbox/landlock.h"
#include "sandbox/limits.h"
#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

int confine_ids(struct confine *c, const char *text, struct err *e)
{
	char uid[STR_NUM];
	uint64_t ids[2];
	size_t n = strcspn(text, ":");
	if (strcmp(text, "-") == 0) {
		c->drop_ids = false;
		return 0;
	}
	if (n >= sizeof uid || text[n] != ':')
		return err_set(e, EINVAL, "ids %.32s: not uid:gid", text);
	snprintf(uid, sizeof uid, "%.*s", (int)n, text);
	if (!str_u64(uid, INT32_MAX, &ids[0]) || !str_u64(text + n + 1, INT32_MAX, &ids[1]) ||
	    ids[0] == 0 || ids[1] == 0)
		return err_set(e, EINVAL, "ids %.32s: not the uid and gid of a role", text);
	c->drop_ids = true;
	c->uid = (uid_t)ids[0];
	c->gid = (gid_t)ids[1];
	return 0;
}

/* Ids and capabilities. An ordinary user has no capability to drop, and may not touch the bounding
 * set: no_new_privs makes it worthless. */
static int confine_privilege(const struct confine *c, struct err *e)
{
	struct err none = { 0 };
	if (c->keep)
		return caps_keep(c->keep, e) < 0 ? -1 : caps_forswear(e);
	if (caps_drop_bounding(&none) < 0 && none.code != EPERM)
		return err_set(e, none.code, "%s", none.msg);
	if (c->drop_ids && idmap_become(c->uid, c->gid, e) < 0)
		return -1;
	return caps_drop_sets(e) < 0 ? -1 : caps_forswear(e);
}

static int confine_limits(const struct confine *c, struct err *e)
{
	struct sandbox_limits l = { .nofile = c->nofile, .fsize = c->fsize };
#ifndef COURSER_SANITIZED /* the leak checker attaches to its own process */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, "not dumpable");
#endif
	return limits_set(&l, e);
}

static int allow(const struct landlock *l, const struct confine_path *p, struct err *e)
{
	static const unsigned rights[][2] = { { CONFINE_READ, LANDLOCK_READ },
					      { CONFINE_WRITE, LANDLOCK_WRITE },
					      { CONFINE_EXEC, LANDLOCK_EXEC } };
	unsigned asked = 0;
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		if (p->rights & rights[i][0])
			asked |= rights[i][1];
	if (p->path[0] == '\0')
		return landlock_allow(l, p->dir, asked, e);
	autofd fd = openat(p->dir, p->path, O_PATH | O_CLOEXEC);
	if (fd < 0 && (p->rights & CONFINE_OPTIONAL) && (errno == ENOENT || errno == EACCES))
		return 0;
	if (fd < 0)
		return err_sys(e, "%s", p->path);
	return landlock_allow(l, fd, asked, e) < 0 ? err_wrap(e, "%s", p->path) : 0;
}

#if defined(COURSER_COVERAGE) || defined(COURSER_SANITIZED)
/* gcov writes where it was compiled; the sanitizers read /proc and run a symbolizer. */
static const struct confine_path instrumented = { AT_FDCWD, "/",
						  CONFINE_READ | CONFINE_WRITE | CONFINE_EXEC };
#endif

static int allow_all(const struct landlock *l, const struct confine *c, struct err *e)
{
	for (size_t i = 0; i < c->npaths; i++)
		if (allow(l, &c->paths[i], e) < 0)
			return -1;
#if defined(COURSER_COVERAGE) || defined(COURSER_SANITIZED)
	return allow(l, &instrumented, e);
#else
	return 0;
#endif
}

static int confine_files(const struct confine *c, struct err *e)
{
	struct landlock l;
	if (landlock_new(&l, c->allow_network, e) < 0)
		return err_wrap(e, "landlock");
	if (l.fd < 0)
		return 0;
	if (allow_all(&l, c, e) < 0) {
		fd_close(&l.fd);
		return err_wrap(e, "landlock");
	}
	return landlock_apply(&l, e) < 0 ? err_wrap(e, "landlock") : 0;
}

static int confine_calls(const struct confine *c, struct err *e)
{
	struct seccomp_filter p;
	if (seccomp_build(c->profile, SECCOMP_SILENT, &p, e) < 0)
		return -1;
	int r = seccomp_install(&p, e);
	seccomp_done(&p);
	return r;
}

/* Each needs what the next one takes away. */
static int (*const steps[])(const struct confine *c, struct err *e) = {
	confine_privilege,
	confine_limits,
	confine_files,
	confine_calls,
};

int confine_role(const struct confine *c, struct err *e)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i](c, e) < 0)
			return err_wrap(e, "confine %s", c->profile);
	return 0;
}

static int join(int userns, int mntns, uid_t uid, gid_t gid, struct err *e)
{
	if (setns(userns, CLONE_NEWUSER) < 0)
		return err_sys(e, "join the user namespace");
	if (setns(mntns, CLONE_NEWNS) < 0)
		return err_sys(e, "join the mount namespace");
	if (chdir("/") < 0)
		return err_sys(e, "/");
	if (caps_drop_bounding(e) < 0 || idmap_become(uid, gid, e) < 0)
		return err_wrap(e, "join");
	return caps_drop_sets(e) < 0 ? err_wrap(e, "join") : 0;
}

int confine_join(int userns, int mntns, struct err *e)
{
	return join(userns, mntns, SANDBOX_JOB_ID, SANDBOX_JOB_ID, e);
}

int confine_join_as(int userns, int mntns, const char *ids, struct err *e)
{
	char uid[STR_NUM];
	uint64_t to[2];
	size_t n = strcspn(ids, ":");
	snprintf(uid, sizeof uid, "%.*s", (int)n, ids);
	if (n >= sizeof uid || !ids[n] || !str_u64(uid, INT32_MAX, &to[0]) ||
	    !str_u64(ids + n + 1, INT32_MAX, &to[1]))
		return err_set(e, EINVAL, "ids %.32s: not uid:gid", ids);
	return join(userns, mntns, (uid_t)to[0], (gid_t)to[1], e);
}
