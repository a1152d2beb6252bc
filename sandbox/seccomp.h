/* System call filters: built from the profiles' tables once, loaded where a process gives up the
 * rest. */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "sandbox/setup.h"

#include <linux/filter.h>
#include <stdbool.h>

/* Two programs that the kernel runs one after the other, the stricter answer wins: which calls
 * there are (seccomp_calls.h), and which arguments some of them may have. Heap memory. */
struct seccomp_programs {
	struct sock_fprog calls, arguments;
};

/* Build the programs of a profile: "job", or a role's name. Heap; -1 with e set. */
int seccomp_build(const char *profile, struct seccomp_programs *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void seccomp_done(struct seccomp_programs *p) __attribute__((nonnull));

/* Filter this process and all it starts from now on. Needs no_new_privs. */
int seccomp_install(const struct seccomp_programs *p, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Step: the job's programs. */
int seccomp_setup(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The number of a system call on this machine. False for one that it does not have: such a name is
 * in a table for another architecture. *known is false when the name is nobody's: a misspelling. */
bool seccomp_number(const char *name, int *ret, bool *known) __attribute__((nonnull));

#endif
