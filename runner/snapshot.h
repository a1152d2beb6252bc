/*
 * Trees of commits, kept on the machine beside the mirror of their repository, so that a job whose
 * commit is known gets a copy of one instead of a checkout (architecture.md, sources and trust).
 *
 * MIRROR/snapshots-BOOT/KEY/tree: nothing of it is synced, so what another boot left is never used.
 * A key is the worker's word (executor/sources.h); who can lie about it shares the mirror anyway.
 * The tree is made between jobs, by a packer in a sandbox in which no job has ever run, is seen by jobs
 * read-only, and is locked (flock on KEY) while a job has it.
 */
#ifndef RUNNER_SNAPSHOT_H
#define RUNNER_SNAPSHOT_H

#include "base/loop.h"
#include "runner/role.h"
#include "sandbox/sandbox.h"

struct host;
struct snapshot_order;

/* The cookie of its sandboxes: no slot has this number. */
#define SNAPSHOT_COOKIE 0xfffffffeull

struct snapshot {
	struct snapshot_order *first; /* the one that is worked on */
	struct source init, packer;   /* sockets; fd -1 none */
	struct role role;             /* the packer */
	struct timer patience;
	int userns, mntns;
	bool asked, begun;
};

void snapshot_init(struct snapshot *s) __attribute__((nonnull));
/* What was not made is not made. */
void snapshot_done(struct host *h) __attribute__((nonnull));

/* The directory KEY of this mirror's snapshot, locked against removal until it is closed; -1: there is
 * none, or key is not one. */
int snapshot_find(int mirror, const char *key) __attribute__((nonnull, warn_unused_result));

/* What a worker says of a tree that is not there yet (GATE_SNAPSHOT). mirror and refs are taken. */
struct snapshot_wish {
	const char *key, *sha, *url, *project_dir;
	int mirror, refs;
};
/* Make it when no job runs or waits. One that cannot be made is forgotten. */
void snapshot_wish(struct host *h, const struct snapshot_wish *w) __attribute__((nonnull));
/* No job runs: begin with what is wished for. */
void snapshot_idle(struct host *h) __attribute__((nonnull));

/* The spawner's reply with SNAPSHOT_COOKIE. */
void snapshot_made(struct host *h, struct sandbox_made *made) __attribute__((nonnull));

#endif
