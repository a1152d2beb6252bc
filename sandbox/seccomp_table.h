/* The profiles as tables, apart from the code that makes programs of them. */
#ifndef SANDBOX_SECCOMP_TABLE_H
#define SANDBOX_SECCOMP_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { SECCOMP_GROUPS = 8, SECCOMP_VALUES = 8 };

/* Names of system calls, a NUL behind each and one more behind the last: they need no pointers, which would be
 * private memory of every process. */
struct seccomp_group {
	const char *names;
	uint32_t action; /* SCMP_ACT_* */
};

/* Refused with EPERM, and worth being told: with a listener the call waits for its answer and is counted,
 * without one it is SECCOMP_RET_ERRNO | EPERM. */
enum { SECCOMP_REFUSED = 0x7fc00000 }; /* SECCOMP_RET_USER_NOTIF */

struct seccomp_profile {
	const char *name;
	uint32_t otherwise;                          /* the answer to every call of no group */
	struct seccomp_group groups[SECCOMP_GROUPS]; /* ended by names == NULL */
};

extern const struct seccomp_profile seccomp_profiles[];
extern const size_t seccomp_nprofiles;

/* How many names a profile allows and refuses, those of other architectures included. -1: no such profile. */
int seccomp_count(const char *profile, size_t *ret_allowed, size_t *ret_refused)
	__attribute__((nonnull, warn_unused_result));

/* Calls that libseccomp 2.5.4 has no name for. Their numbers are the same everywhere. */
struct seccomp_newer {
	const char *name;
	int number;
};
extern const struct seccomp_newer seccomp_newer[];
extern const size_t seccomp_nnewer;

/* A restriction on 32 bits of an argument: the low half, which is all that the kernel looks at in most
 * (a comparison of 64 bits is what CVE-2019-7303 walked around), or the high half of a pointer. */
enum { SECCOMP_HIGH = 8 };

enum seccomp_test {
	SECCOMP_NOT_BITS,  /* refuse when any bit of values[0] is set */
	SECCOMP_NOT_THESE, /* refuse these values */
	SECCOMP_ONLY_THESE /* refuse any other value */
};

/* Whether a row is looked at: by a half of an argument, as index in the row itself. */
struct seccomp_when {
	enum { SECCOMP_ALWAYS, SECCOMP_WHEN_IS, SECCOMP_WHEN_IS_NOT } how;
	unsigned index;
	uint32_t value;
};

/* The rows of a call follow one another; the first that refuses is the answer. */
struct seccomp_argument {
	const char *call;
	struct seccomp_when when;
	unsigned index; /* of the argument; SECCOMP_HIGH | index: its high half */
	enum seccomp_test test;
	uint32_t values[SECCOMP_VALUES];
	size_t nvalues;
	uint16_t error; /* the errno it gives; 0: nothing is done and success is told */
};
extern const struct seccomp_argument seccomp_arguments[];
extern const size_t seccomp_narguments;

#endif
