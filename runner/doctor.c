#include "runner/doctor.h"

#include "base/fd.h"
#include "base/str.h"
#include "runner/cgroup.h"
#include "runner/state.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

enum { KERNEL_MAJOR = 5, KERNEL_MINOR = 15, TEXT = 600, PATH = 4096, LOCK_MIB = 4 };
static const uint64_t free_wanted = 1ULL << 30;

static const char *const level_names[] = { "ok", "warn", "fail" };

const char *doctor_level_name(enum doctor_level level)
{
	return level_names[level];
}

void doctor_say(struct doctor *d, const char *name, enum doctor_level level, const char *fmt, ...)
{
	char text[TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (level > d->worst)
		d->worst = level;
	d->found(d->arg, name, level, text);
}

/* --- the kernel --------------------------------------------------------------------------------- */

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	if (uname(&u) < 0)
		return;
	char *end;
	unsigned long major = strtoul(u.release, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	bool fine = major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR);
	doctor_say(d, "kernel", fine ? DOCTOR_OK : DOCTOR_FAIL, "%s %s%s", u.sysname, u.release,
		   fine ? "" : ", at least 5.15 is needed");
}

static void check_landlock(struct doctor *d)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi >= 2)
		doctor_say(d, "landlock", DOCTOR_OK, "ABI %ld", abi);
	else
		doctor_say(d, "landlock", DOCTOR_WARN,
			   "none that is of use (ABI 2 and later are); sandboxes do without");
}

static void check_seccomp(struct doctor *d)
{
	autobuf b = BUF(4096);
	struct err e = { 0 };
	if (fd_read_file("/proc/sys/kernel/seccomp/actions_avail", &b, &e) == 0 &&
	    strstr(buf_cstr(&b), "kill_process"))
		doctor_say(d, "seccomp", DOCTOR_OK, "filters");
	else
		doctor_say(d, "seccomp", DOCTOR_FAIL, "this kernel has no seccomp filters");
}

static void check_cgroup(struct doctor *d)
{
	char note[TEXT / 2];
	if (cgroup_expect(d->config ? d->config->cgroup : "auto", note, sizeof note))
		doctor_say(d, "cgroup", DOCTOR_OK, "v2, delegated");
	else
		doctor_say(
			d, "cgroup", DOCTOR_WARN,
			"%s here, memory is sampled; a daemon that its systemd unit started has one",
			note);
}

static void check_memlock(struct doctor *d)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_MEMLOCK, &l) < 0)
		return;
	bool fine = l.rlim_cur >= (rlim_t)LOCK_MIB << 20;
	if (fine)
		doctor_say(d, "memlock", DOCTOR_OK, "secrets are kept out of swap");
	else
		doctor_say(d, "memlock", DOCTOR_WARN,
			   "%llu bytes may be locked, a job needs %d MiB: secrets may be swapped",
			   (unsigned long long)l.rlim_cur, LOCK_MIB);
}

/* --- programs and libraries --------------------------------------------------------------------- */

static bool on_path(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH");
	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		int n = (int)strcspn(path, ":");
		snprintf(out, size, "%.*s/%s", n, path, name);
		if (n && access(out, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static void check_git(struct doctor *d)
{
	static const char *const places[] = { "/usr/lib/*/libgit2.so.[0-9]*",
					      "/usr/lib*/libgit2.so.[0-9]*",
					      "/usr/local/lib/libgit2.so.[0-9]*" };
	char git[PATH];
	glob_t found = { 0 };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		glob(places[i], i ? GLOB_APPEND : 0, NULL, &found);
	if (found.gl_pathc)
		doctor_say(d, "libgit2", DOCTOR_OK, "%s", found.gl_pathv[found.gl_pathc - 1]);
	else
		doctor_say(d, "libgit2", DOCTOR_FAIL, "not found: sources cannot be had");
	globfree(&found);
	if (on_path("git", git, sizeof git))
		doctor_say(d, "git", DOCTOR_OK, "%s", git);
	else
		doctor_say(d, "git", DOCTOR_WARN,
			   "not installed: mirrors are updated by libgit2, and jobs have no git");
}

/* --- ours --------------------------------------------------------------------------------------- */

static void check_config(struct doctor *d)
{
	if (d->config)
		doctor_say(d, "config", DOCTOR_OK, "%s: %zu registrations", d->config_path,
			   d->config->nrunners);
	else
		doctor_say(d, "config", DOCTOR_FAIL, "%s", d->config_error);
}

static void check_place(struct doctor *d, const char *name, const char *path)
{
	char dir[STATE_PATH] = "";
	struct statvfs v;
	if (!state_existing(path, dir) || faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0 ||
	    statvfs(dir, &v) < 0) {
		doctor_say(d, name, DOCTOR_FAIL, "%.500s: %s", *dir ? dir : path, strerror(errno));
		return;
	}
	uint64_t bytes = (uint64_t)v.f_bavail * v.f_frsize;
	doctor_say(d, name, bytes < free_wanted ? DOCTOR_WARN : DOCTOR_OK, "%s: %llu MiB free",
		   path, (unsigned long long)(bytes >> 20));
}

static const char *cache_of(const struct doctor *d)
{
	return d->config ? d->config->cache_dir : "";
}

static void check_state(struct doctor *d)
{
	check_place(d, "state", d->state);
	if (*cache_of(d))
		check_place(d, "cache", cache_of(d));
}

/* Root's roles are other accounts. */
static void check_way(struct doctor *d)
{
	const char *mirrors = *cache_of(d) ? cache_of(d) : d->state;
	char shut[STATE_PATH];
	if (geteuid() != 0)
		return;
	if (state_reachable(mirrors, shut))
		doctor_say(d, "way", DOCTOR_OK, "the roles reach %.300s", mirrors);
	else
		doctor_say(
			d, "way", DOCTOR_WARN,
			"%.300s is closed to the roles' accounts, so that no sources can be had: "
			"chmod o+x it, or use another %s",
			shut, *cache_of(d) ? "cache_dir" : "state_dir");
}

static void (*const checks[])(struct doctor *d) = {
	check_kernel, check_landlock, check_seccomp, check_cgroup, check_memlock, doctor_sandbox,
	check_git,    check_state,    check_way,     check_config, doctor_forges,
};

void doctor_examine(struct doctor *d)
{
	d->worst = DOCTOR_OK;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		checks[i](d);
}
