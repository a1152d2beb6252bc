#include "sandbox/limits.h"

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

int limits_set(const struct sandbox_limits *l, struct err *e)
{
	if (limit(RLIMIT_CORE, 0, "core size", e) < 0)
		return -1;
	if (l->nproc && limit(RLIMIT_NPROC, l->nproc, "processes", e) < 0)
		return -1;
	if (l->nofile && limit(RLIMIT_NOFILE, l->nofile, "open files", e) < 0)
		return -1;
	return l->fsize ? limit(RLIMIT_FSIZE, l->fsize, "file size", e) : 0;
}

int limits_setup(struct setup *s, struct err *e)
{
	return limits_set(&s->spec->limits, e);
}
