/* Which calls there are, as a program for the kernel: from a profile's groups, without a detour. */
#ifndef SANDBOX_SECCOMP_CALLS_H
#define SANDBOX_SECCOMP_CALLS_H

#include "sandbox/seccomp_table.h"

#include "base/err.h"

#include <linux/filter.h>

/*
 * Calls of another architecture end the process. The numbers are cut into ranges of one answer each;
 * a range is found over blocks of ranges. libseccomp makes the same decisions, but takes a
 * millisecond to build them, and every role of every job pays it. Heap memory. -1 with e set.
 */
int seccomp_calls(const struct seccomp_profile *p, struct sock_fprog *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
