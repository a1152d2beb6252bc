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

/* As much of the program as there is. */
static int keep(const struct seccomp_program *p, struct seccomp_filter *ret, struct err *e)
{
	struct sock_filter *copy = calloc(p->n, sizeof *copy);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	memcpy(copy, p->at, p->n * sizeof *copy);
	ret->program = (struct sock_fprog){ .len = (unsigned short)p->n, .filter = copy };
	return 0;
}

int seccomp_build(const char *profile, enum seccomp_audit audit, struct seccomp_filter *ret,
		  struct err *e)
{
	const struct seccomp_profile *table = find(profile);
	if (!table)
		return err_set(e, EINVAL, "no seccomp profile %s", profile);
	struct seccomp_program *p = calloc(1, sizeof *p);
	if (!p)
		return err_set(e, ENOMEM, "out of memory");
	p->refused = audit == SECCOMP_TOLD ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
	seccomp_emit_head(p, table->otherwise);
	seccomp_emit_arguments(p, table);
	seccomp_emit_calls(p, table);
	int r = p->n > SECCOMP_INSNS
			? err_set(e, E2BIG, "seccomp profile %s: %zu instructions", profile, p->n)
			: keep(p, ret, e);
	free(p);
	return r;
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

int seccomp_listen(const struct seccomp_filter *f, struct err *e)
{
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_NEW_LISTENER, &f->program);
	return fd < 0 ? err_sys(e, "filter with a listener") : fd;
}

const struct seccomp_job *seccomp_job(enum sandbox_profile profile, struct err *e)
{
	static const char *const names[SANDBOX_PROFILES] = {
		[SANDBOX_PROFILE_DEFAULT] = "job",
		[SANDBOX_PROFILE_STRICT] = "job-strict",
		[SANDBOX_PROFILE_NESTED] = "job-nested",
	};
	static struct seccomp_job built[SANDBOX_PROFILES];
	struct seccomp_job *j = &built[profile];
	if (!j->silent.program.filter &&
	    seccomp_build(names[profile], SECCOMP_SILENT, &j->silent, e) < 0)
		return NULL;
	if (!j->told.program.filter && seccomp_build(names[profile], SECCOMP_TOLD, &j->told, e) < 0)
		return NULL;
	return j;
}

int seccomp_setup(struct setup *s, struct err *e)
{
	struct err no_listener = { 0 };
	s->listener = seccomp_listen(&s->seccomp->told, &no_listener);
	if (s->listener >= 0)
		return 0;
	setup_note(s, "refused system calls are not counted: %s", no_listener.msg);
	return seccomp_install(&s->seccomp->silent, e);
}
