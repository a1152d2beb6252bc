/* What all jobs of one process share: the loop, the roles' executables, the state, the spawner. */
#ifndef RUNNER_HOST_H
#define RUNNER_HOST_H

#include "base/loop.h"
#include "executor/image_store.h"
#include "runner/cgroup.h"
#include "runner/priv.h"
#include "runner/role.h"
#include "runner/snapshot.h"
#include "runner/spare.h"
#include "runner/state.h"
#include "runner/sweep.h"

struct slot;

struct host {
	struct loop *loop;
	int libexec;
	struct state state;
	struct image_store images;
	struct priv priv;
	struct cgroup cgroup;
	struct role spawner;
	struct source spawner_socket;
	struct sweep sweep;
	struct spare spare;
	struct snapshot snapshot;
	struct slot **slots;
	unsigned nslots;
	char hostname[65];
	bool stopping;
	struct timer respawn;
	uint64_t spawner_ms, pause_ms; /* when it began; how long the next one waits */
	void (*restarted)(void *arg, const char *role); /* NULL: nobody asks */
	void *arg;
};

struct host_options {
	const char *state_dir, *cache_dir; /* state.h */
	uint32_t id_base;
	unsigned nslots;    /* slots to make room for */
	const char *cgroup; /* "auto", "off" or a path: cgroup.h */
};

/* Open the state, find out who we are, start the spawner. -1: nothing is left running. */
int host_open(struct host *h, const struct host_options *o, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void host_close(struct host *h) __attribute__((nonnull));

/* Room for n slots in all; slots in use keep their place. */
int host_slots(struct host *h, unsigned n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A free slot whose number nobody else uses (an exec may), locked; NULL when there is none. */
struct slot *host_slot(struct host *h) __attribute__((nonnull));
/* That very slot, for a job that runs in it: room is made, the lock is taken if it can be had. */
struct slot *host_slot_numbered(struct host *h, unsigned n, struct err *e) __attribute__((nonnull));

#endif
