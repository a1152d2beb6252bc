/* The profiles as tables, apart from the code that makes programs of them. */
#ifndef SANDBOX_SECCOMP_TABLE_H
#define SANDBOX_SECCOMP_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { SECCOMP_GROUPS = 8, SECCOMP_VALUES = 8 };

/* Names of system calls, ended by NULL. */
struct seccomp_group {
	const char *const *names;
	uint32_t action; /* SCMP_ACT_* */
};

struct seccomp_profile {
	const char *name;
	uint32_t otherwise;                          /* the answer to every call of no group */
	struct seccomp_group groups[SECCOMP_GROUPS]; /* ended by names == NULL */
};

extern const struct seccomp_profile seccomp_profiles[];
extern const size_t seccomp_nprofiles;

/* Calls that libseccomp 2.5.4 has no name for. Their numbers are the same everywhere. */
struct seccomp_newer {
	const char *name;
	int number;
};
extern const struct seccomp_newer seccomp_newer[];
extern const size_t seccomp_nnewer;

/* A restriction on the low 32 bits of an argument, which is all that the kernel looks at in these
 * (a comparison of 64 bits is what CVE-2019-7303 walked around). */
enum seccomp_test {
	SECCOMP_NOT_BITS,  /* refuse when any bit of values[0] is set */
	SECCOMP_NOT_THESE, /* refuse these values */
	SECCOMP_ONLY_THESE /* refuse any other value */
};

struct seccomp_argument {
	const char *call;
	int when; /* >= 0: only if argument 0 has this value; -1 always */
	unsigned index;
	enum seccomp_test test;
	uint32_t values[SECCOMP_VALUES];
	size_t nvalues;
	uint16_t error; /* the errno it gives */
};
extern const struct seccomp_argument seccomp_arguments[];
extern const size_t seccomp_narguments;

#endif
