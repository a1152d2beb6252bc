/* What one sandbox shall be: plain data of a fixed size, sent as bytes, checked by who acts on it. */
#ifndef SANDBOX_SPEC_H
#define SANDBOX_SPEC_H

#include "base/err.h"
#include "sandbox/spec_image.h"
#include "sandbox/spec_net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SANDBOX_SPEC_VERSION = 4,
	SANDBOX_JOB_ID = 1000, /* the job's uid and gid on the host's file system */
	SANDBOX_MAPS = 4,
	SANDBOX_MOUNTS = 32,
	SANDBOX_PATH = 256,           /* room for a path and its '\0' */
	SANDBOX_TMP_BYTES = 64 << 20, /* each of the private directories, if nothing is said */
	SANDBOX_FDS = 7, /* fds beside the control socket: bind sources and the cgroup */
};

/* What the job may ask of the kernel. */
enum sandbox_profile {
	SANDBOX_PROFILE_DEFAULT, /* what compilers, debuggers, databases and test suites need */
	SANDBOX_PROFILE_STRICT,  /* no debuggers, no shared memory by key */
	SANDBOX_PROFILE_NESTED,  /* user namespaces and mounts in them: rootless image builds */
	SANDBOX_PROFILES
};

/* How the id maps come about. */
enum sandbox_map {
	SANDBOX_MAP_DIRECT, /* the spawner is root and writes them */
	SANDBOX_MAP_HELPER, /* newuidmap and newgidmap allow the ranges, once for a spawner */
	SANDBOX_MAP_SINGLE, /* no range: one row of one id, the runner's own */
	SANDBOX_MAP_WAYS
};

struct sandbox_ids {
	uint32_t inside, outside, count;
};

enum sandbox_mount_kind {
	SANDBOX_BIND_FD,   /* what fds[fd] is, with all that is mounted below it */
	SANDBOX_BIND_PATH, /* an operator's host path: source */
	SANDBOX_TMPFS,     /* an empty one of size bytes, owned by the job */
	SANDBOX_FOLDER, /* a directory of the image itself, made if it is absent: nothing is mounted */
	SANDBOX_MOUNT_KINDS
};

enum sandbox_mount_flags {
	SANDBOX_READONLY = 1,
	SANDBOX_OWN = 2,    /* give the mounted root to the job's uid and gid */
	SANDBOX_DEVICE = 4, /* device nodes work in it; only then may target be below /dev */
	SANDBOX_NOEXEC = 8,
	SANDBOX_MOUNT_FLAGS = 15,
};

struct sandbox_mount {
	uint32_t kind, flags;
	uint32_t fd, pad;          /* BIND_FD: index into the request's fds */
	uint64_t size;             /* TMPFS: bytes */
	char source[SANDBOX_PATH]; /* BIND_PATH; else "" */
	char target[SANDBOX_PATH]; /* absolute, printable, normal; not below /proc, /sys, /dev */
};

/* 0 leaves what is inherited. Core dumps are always off. */
struct sandbox_limits {
	uint64_t nproc, nofile, fsize;
	uint32_t cpus,
		cpu_first; /* so many of the CPUs that there are, from that one on, in a circle */
};

struct sandbox_spec {
	uint32_t version;
	uint32_t net;    /* enum sandbox_net */
	uint32_t map_by; /* enum sandbox_map */
	uint32_t nuids, ngids, nmounts;
	struct sandbox_ids uids[SANDBOX_MAPS], gids[SANDBOX_MAPS];
	uint32_t uid, gid; /* the job's, inside; both mapped */
	int32_t cgroup_fd; /* index into the fds: the cgroup (v2) it starts in; -1 none */
	int32_t net_fd;    /* NET_JOIN: index into the fds; else -1 */
	uint32_t profile;  /* enum sandbox_profile */
	struct sandbox_limits limits;
	uint64_t tmp_bytes; /* each of /tmp, /run, /dev/shm and home */
	char hostname[SANDBOX_HOSTNAME];
	char aliases[SANDBOX_ALIASES]; /* more names of 127.0.0.1, with spaces between */
	char home[SANDBOX_PATH];       /* a private empty directory, owned by the job */
	char work[SANDBOX_PATH]; /* the directory below which the job's mounts are; "/builds" */
	struct sandbox_image image;
	struct sandbox_mount mounts[SANDBOX_MOUNTS]; /* made in this order */
};

/* A spec with the defaults: own network, job id 1000, /home/job, /builds, 64 MiB, no maps, no mounts. */
void sandbox_spec_init(struct sandbox_spec *s) __attribute__((nonnull));

/* Whether every field of s is in range and every text ends, with nfds fds sent along. -1 with e naming
 * the field. Nothing else looks at a spec before this has. */
int sandbox_spec_check(const struct sandbox_spec *s, size_t nfds, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Add a mount of the kind, to be filled further; target is copied. NULL with e set: there is no room. */
struct sandbox_mount *sandbox_spec_mount(struct sandbox_spec *s, enum sandbox_mount_kind kind,
					 const char *target, uint32_t flags, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether path may be a target or a home: absolute, printable, no "", "." or ".." component,
 * no trailing '/', shorter than SANDBOX_PATH, none of the kernel's directories. */
bool sandbox_path_ok(const char *path) __attribute__((nonnull));

/* Whether path, which is normal, is dir or below it. */
bool sandbox_path_beneath(const char *path, const char *dir) __attribute__((nonnull));

/* The id outside that inside is mapped to; UINT32_MAX when it is not. */
uint32_t sandbox_ids_outside(const struct sandbox_ids *maps, size_t n, uint32_t inside)
	__attribute__((nonnull));

#endif
