#include "sandbox/limits.h"

#include "base/fd.h"

#include <fcntl.h>
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

int limits_setup(struct setup *s, struct err *e)
{
	if (limits_set(&s->spec->limits, e) < 0)
		return -1;
	note_handler(s);
	return 0;
}
