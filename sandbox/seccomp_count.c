#include "sandbox/seccomp_table.h"

#include <linux/seccomp.h>
#include <string.h>

int seccomp_count(const char *profile, size_t *ret_allowed, size_t *ret_refused)
{
	size_t i = 0, n[2] = { 0, 0 };
	while (i < seccomp_nprofiles && strcmp(seccomp_profiles[i].name, profile) != 0)
		i++;
	if (i == seccomp_nprofiles)
		return -1;
	const struct seccomp_group *g = seccomp_profiles[i].groups;
	for (size_t k = 0; k < SECCOMP_GROUPS && g[k].names; k++)
		for (const char *name = g[k].names; *name; name += strlen(name) + 1)
			n[g[k].action == SECCOMP_RET_ALLOW]++;
	*ret_allowed = n[1];
	*ret_refused = n[0];
	return 0;
}
