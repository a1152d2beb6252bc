/* Limits by cgroup v2: a group for each slot's job below the one that was delegated to us. */
#ifndef RUNNER_CGROUP_H
#define RUNNER_CGROUP_H

#include "base/err.h"
#include "executor/usage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroup_controller { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CONTROLLERS };

struct cgroup {
	uint64_t id;
	int top;                      /* the delegated group; -1: there is none */
	bool has[CGROUP_CONTROLLERS]; /* what its children are controlled by */
	char note[160];               /* why there is none, or what is missing; "" nothing */
};

/* 0: no limit. */
struct cgroup_limits {
	uint64_t memory, pids, cpus;
};

/*
 * Find the delegated group. where: "auto" (our own, when systemd has marked it as delegated: we then move into
 * a child of it, since a group with processes can have no controlled children), "off", or the absolute path of
 * a group that is ours to use. id keeps the groups of two owners of slots (state directories) apart. Never an
 * error: what is missing is in note.
 */
void cgroup_open(struct cgroup *g, const char *where, uint64_t id) __attribute__((nonnull));
/* Whether cgroup_open would find a group that holds memory; else note says why not. Looks, and changes nothing. */
bool cgroup_expect(const char *where, char *note, size_t size) __attribute__((nonnull));
void cgroup_close(struct cgroup *g) __attribute__((nonnull));

/* Make the slot's group, with these limits. What an earlier job left is removed. Its directory, or -1. */
int cgroup_job(const struct cgroup *g, unsigned slot, const struct cgroup_limits *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The slot's group as it is. */
int cgroup_find(const struct cgroup *g, unsigned slot, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Move the process into the group; its children begin there. */
int cgroup_enter(int group, pid_t pid, struct err *e) __attribute__((warn_unused_result));

/* Open what a worker reads of the group: usage.h. An absent one is an empty file. -1: none is open. */
int cgroup_files(int group, int ret[USAGE_FILES], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Kill what is left in the slot's group and remove it. */
void cgroup_end(const struct cgroup *g, unsigned slot) __attribute__((nonnull));

#endif
