#include "sandbox/spec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool there)
{
	if (!there)
		abort();
}

/* What whoever acts on an accepted spec takes for granted. */
static void promises(const struct sandbox_spec *s, size_t nfds)
{
	must(s->nmounts <= SANDBOX_MOUNTS && s->cgroup_fd < (int)nfds);
	must(sandbox_path_ok(s->home) && memchr(s->hostname, '\0', sizeof s->hostname));
	must(sandbox_ids_outside(s->uids, s->nuids, s->uid) - 1 < INT32_MAX);
	must(sandbox_ids_outside(s->gids, s->ngids, s->gid) - 1 < INT32_MAX);
	for (uint32_t i = 0; i < s->nmounts; i++) {
		const struct sandbox_mount *m = &s->mounts[i];
		must(m->kind != SANDBOX_BIND_FD || m->fd < nfds);
		must(m->target[0] == '/' && memchr(m->target, '\0', sizeof m->target));
		must(!strstr(m->target, "/../") && strncmp(m->target, "/proc/", 6) != 0);
		must(memchr(m->source, '\0', sizeof m->source));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct sandbox_spec s;
	struct err e = { 0 };
	if (n < 1)
		return 0;
	memset(&s, 0, sizeof s);
	memcpy(&s, data + 1, n - 1 < sizeof s ? n - 1 : sizeof s);
	if (sandbox_spec_check(&s, data[0], &e) == 0)
		promises(&s, data[0]);
	else
		must(e.msg[0] != '\0' && e.code != 0);
	return 0;
}
