#include "sandbox/limits.h"

#include "base/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

static int limit(int what, uint64_t value, const char *name, struct err *e)
{
	struct rlimit r;
	if (getrlimit((__rlimit_resource_t)what, &r) < 0)
		return err_sys(e, "%s", name);
	if (r.rlim_max == RLIM_INFINITY || value < r.rlim_max)
		r.rlim_max = value;
	r.rlim_cur = r.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &r) < 0 ? err_sys(e, "%s", name) : 0;
}

/* 1, not 0: by 0 the kernel writes no file, and still starts a handler ("|program" in core_pattern), which
 * runs as the host's root; by 1 it does neither. */
enum { NO_CORE = 1 };

int limits_set(const struct sandbox_limits *l, struct err *e)
{
	if (limit(RLIMIT_CORE, NO_CORE, "core size", e) < 0)
		return -1;
	if (l->nproc && limit(RLIMIT_NPROC, l->nproc, "processes", e) < 0)
		return -1;
	if (l->nofile && limit(RLIMIT_NOFILE, l->nofile, "open files", e) < 0)
		return -1;
	return l->fsize ? limit(RLIMIT_FSIZE, l->fsize, "file size", e) : 0;
}

/* A hard limit of 0 that we were started with cannot be raised. */
static void note_handler(struct setup *s)
{
	struct rlimit r;
	char first = 0;
	if (getrlimit(RLIMIT_CORE, &r) < 0 || r.rlim_cur == NO_CORE)
		return;
	autofd fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &first, 1) == 1 && first == '|')
		setup_note(s,
			   "core dumps: the limit of 0 that this runner was started with does not "
			   "keep the host's handler from running");
}

/* What `nproc`, make and every runtime ask for when they want to know how much they may do at once. */
static int set_cpus(const struct sandbox_limits *l, struct err *e)
{
	cpu_set_t all, ours;
	if (sched_getaffinity(0, sizeof all, &all) < 0)
		return err_sys(e, "cpus");
	unsigned there = (unsigned)CPU_COUNT(&all), at = 0;
	CPU_ZERO(&ours);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		if ((at++ + there - l->cpu_first % there) % there < l->cpus)
			CPU_SET(cpu, &ours);
	}
	return sched_setaffinity(0, sizeof ours, &ours) < 0 ? err_sys(e, "cpus") : 0;
}

int limits_setup(struct setup *s, struct err *e)
{
	const struct sandbox_limits *l = &s->spec->limits;
	if (limits_set(l, e) < 0 || (l->cpus && set_cpus(l, e) < 0))
		return -1;
	note_handler(s);
	return 0;
}
