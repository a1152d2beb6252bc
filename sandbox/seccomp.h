/* System call filters: built from the profiles' tables once, loaded where a process gives up the
 * rest. */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "sandbox/seccomp_table.h"
#include "sandbox/setup.h"

#include <linux/filter.h>
#include <stdbool.h>

/* One program: which arguments some calls may have, then which calls there are. Heap memory. */
struct seccomp_filter {
	struct sock_fprog program;
};

/* How the calls of SECCOMP_REFUSED are answered. */
enum seccomp_audit {
	SECCOMP_SILENT, /* at once, by the kernel */
	SECCOMP_TOLD,   /* by whoever has the listener, which counts them */
};

/* Build the filter of a profile: "job", or a role's name. -1 with e set. */
int seccomp_build(const char *profile, enum seccomp_audit audit, struct seccomp_filter *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));
void seccomp_done(struct seccomp_filter *f) __attribute__((nonnull));

/* Filter this process and all it starts from now on. Needs no_new_privs. */
int seccomp_install(const struct seccomp_filter *f, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same with a filter that is SECCOMP_TOLD: the listener's fd (sandbox_denied_take). */
int seccomp_listen(const struct seccomp_filter *f, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Both filters of a job's profile, built when first asked for. */
struct seccomp_job {
	struct seccomp_filter told, silent;
};
const struct seccomp_job *seccomp_job(enum sandbox_profile profile, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Step: the job's filter. Its listener is in the setup then. Where none can be had (another sandbox around
 * us has one) calls are refused without being counted, and it is noted. */
int seccomp_setup(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The number of a system call on this machine. False for one that it does not have: such a name is
 * in a table for another architecture. *known is false when the name is nobody's: a misspelling. */
bool seccomp_number(const char *name, int *ret, bool *known) __attribute__((nonnull));

#endif
