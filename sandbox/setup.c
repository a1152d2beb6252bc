#include "sandbox/setup.h"

#include "sandbox/caps.h"
#include "sandbox/dev.h"
#include "sandbox/etc.h"
#include "sandbox/idmap.h"
#include "sandbox/image_root.h"
#include "sandbox/landlock.h"
#include "sandbox/limits.h"
#include "sandbox/mounts.h"
#include "sandbox/ns.h"
#include "sandbox/rootfs.h"
#include "sandbox/seccomp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Sources are opened while the runner's own id still opens them and while the spawner maps the ids.
 * Mounts need capabilities, Landlock forbids mounts, seccomp forbids nearly all of the above: it is
 * last. All namespaces, the cgroup's included, exist from the clone on.
 */
static const struct setup_step steps[] = {
	{ "sources", mounts_open },
	{ "id maps", idmap_wait },
	{ "root mount", rootfs_mount },
	{ "host", rootfs_host },
	{ "etc", etc_mount },
	{ "dev", dev_mount },
	{ "proc", dev_proc },
	{ "sys", dev_sys },
	{ "private directories", rootfs_private },
	{ "mounts", mounts_attach },
	{ "pivot", rootfs_pivot },
	{ "read-only", rootfs_seal },
	{ "network", ns_network },
	{ "hostname", ns_hostname },
	{ "limits", limits_setup },
	{ "bounding set", caps_bound },
	{ "ids", idmap_become_job },
	{ "capabilities", caps_setup },
	{ "no_new_privs", caps_no_new_privs },
	{ "landlock", landlock_setup },
	{ "seccomp", seccomp_setup },
};

/* With an image for a root: its user is known only once it is there, and all that belongs to the job is
 * made after that. */
static const struct setup_step image_steps[] = {
	{ "sources", image_open },
	{ "id maps", idmap_wait },
	{ "image", image_mount },
	{ "user", image_user },
	{ "etc", image_etc },
	{ "dev", dev_mount },
	{ "proc", dev_proc },
	{ "sys", dev_sys },
	{ "private directories", image_private },
	{ "mounts", mounts_attach },
	{ "pivot", rootfs_pivot },
	{ "read-only", image_seal },
	{ "network", ns_network },
	{ "hostname", ns_hostname },
	{ "limits", limits_setup },
	{ "bounding set", caps_bound },
	{ "ids", idmap_become_job },
	{ "capabilities", caps_setup },
	{ "no_new_privs", caps_no_new_privs },
	{ "landlock", landlock_setup },
	{ "seccomp", seccomp_setup },
};

const struct setup_step *setup_steps(size_t *ret_n)
{
	*ret_n = sizeof steps / sizeof *steps;
	return steps;
}

int setup_enter(struct setup *s, struct err *e)
{
	bool image = s->spec->image.nlayers > 0;
	const struct setup_step *all = image ? image_steps : steps;
	size_t n = image ? sizeof image_steps / sizeof *image_steps : sizeof steps / sizeof *steps;
	for (size_t i = 0; i < n; i++)
		if (all[i].run(s, e) < 0)
			return err_wrap(e, "%s", all[i].name);
	return 0;
}

void setup_note(struct setup *s, const char *fmt, ...)
{
	size_t at = strlen(s->notes), room = sizeof s->notes - at;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(s->notes + at, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 > room) {
		s->notes[at] = '\0';
		return;
	}
	s->notes[at + (size_t)n] = '\n';
	s->notes[at + (size_t)n + 1] = '\0';
}
