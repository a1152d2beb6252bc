/* How a role of ours gives up what it does not need, before it reads its first byte of input. */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum confine_rights {
	CONFINE_READ = 1,  /* files and directories */
	CONFINE_WRITE = 2, /* write, create, remove, rename below it */
	CONFINE_EXEC = 4,
	CONFINE_OPTIONAL = 8, /* an absent path is no error */
};

/* What is below path, seen from dir: an absolute path with dir AT_FDCWD, or "" for dir itself. */
struct confine_path {
	int dir;
	const char *path;
	unsigned rights;
};

struct confine {
	const char *profile; /* "worker", "courier", "keeper", "fetcher", "packer", "recorder" */
	uint64_t keep; /* capabilities that stay, a bit each: of a user namespace of ours only */
	bool drop_ids; /* become uid:gid with no other group; false: stay who we are */
	uid_t uid;
	gid_t gid;
	uint64_t nofile, fsize; /* limits; 0 leaves them. No core dumps in any case */
	const struct confine_path *paths;
	size_t npaths;
	bool allow_network; /* TCP; where Landlock knows it (ABI 4) */
};

/* "uid:gid" (decimal) into c, or "-" for "stay". -1 for anything else. */
int confine_ids(struct confine *c, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * In this order: no capabilities, ids, no_new_privs, not dumpable, limits, Landlock, seccomp. What
 * the profile does not allow kills the process (SIGSYS). Landlock degrades to what the kernel
 * knows; everything else is an error. Nothing is undone on failure: the caller must exit.
 */
int confine_role(const struct confine *c, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * Join a job's user and mount namespaces and become its uid and gid (SANDBOX_JOB_ID) with no
 * capabilities; the working directory is the sandbox's root. To be called before confine_role and
 * after the libraries are loaded, by a process that owns the user namespace: root, or the
 * runner's user.
 */
int confine_join(int userns, int mntns, struct err *e) __attribute__((warn_unused_result));

/* The same for a job that has other ids: ids is "uid:gid" as it has them inside. */
int confine_join_as(int userns, int mntns, const char *ids, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
