#include "sandbox/seccomp.h"

#include "sandbox/seccomp_program.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool seccomp_number(const char *name, int *ret, bool *known)
{
	int number = seccomp_syscall_resolve_name(name);
	for (size_t i = 0; number == __NR_SCMP_ERROR && i < seccomp_nnewer; i++)
		if (strcmp(seccomp_newer[i].name, name) == 0)
			number = seccomp_newer[i].number;
	*known = number != __NR_SCMP_ERROR;
	if (number < 0)
		return false;
	*ret = number;
	return true;
}

static const struct seccomp_profile *find(const char *name)
{
	for (size_t i = 0; i < seccomp_nprofiles; i++)
		if (strcmp(seccomp_profiles[i].name, name) == 0)
			return &seccomp_profiles[i];
	return NULL;
}

int seccomp_build(const char *profile, struct seccomp_filter *ret, struct err *e)
{
	static struct seccomp_program p;
	const struct seccomp_profile *table = find(profile);
	if (!table)
		return err_set(e, EINVAL, "no seccomp profile %s", profile);
	p.n = 0;
	seccomp_emit_head(&p, table->otherwise);
	seccomp_emit_arguments(&p, table);
	seccomp_emit_calls(&p, table);
	if (p.n > SECCOMP_INSNS)
		return err_set(e, E2BIG, "seccomp profile %s: %zu instructions", profile, p.n);
	struct sock_filter *copy = calloc(p.n, sizeof *copy);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	memcpy(copy, p.at, p.n * sizeof *copy);
	ret->program = (struct sock_fprog){ .len = (unsigned short)p.n, .filter = copy };
	return 0;
}

void seccomp_done(struct seccomp_filter *f)
{
	free(f->program.filter);
	*f = (struct seccomp_filter){ 0 };
}

int seccomp_install(const struct seccomp_filter *f, struct err *e)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f->program) < 0)
		return err_sys(e, "filter");
	return 0;
}

int seccomp_setup(struct setup *s, struct err *e)
{
	return seccomp_install(s->seccomp, e);
}
