/* Who is who inside: uid and gid maps, and the ids that the set-up and the job run as. */
#ifndef SANDBOX_IDMAP_H
#define SANDBOX_IDMAP_H

#include "sandbox/setup.h"

#include <sys/types.h>

/*
 * Make this process able to write the maps of its children, as s->map_by says. DIRECT needs nothing.
 * HELPER: on first use a user namespace is made in which newuidmap and newgidmap map the ranges of s
 * onto themselves, and this process moves into it: a sandbox then costs no helper, and one can join
 * the network of another. SINGLE: the same with the runner's own id alone.
 */
int idmap_prepare(const struct sandbox_spec *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Write the maps of the child pid, which is alone in a new user namespace. */
int idmap_write(const struct sandbox_spec *s, pid_t pid, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Become who makes a sandbox within: root, or the job where only one id is mapped. */
int idmap_become_maker(const struct sandbox_spec *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Step: wait for the spawner to have written them, then become root inside (the job where only one
 * id is mapped): what is made from here on belongs to it. */
int idmap_wait(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Step: become the job's uid and gid, with no other group; capabilities stay for the next step. */
int idmap_become_job(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* All three uids and gids, and no supplementary group where groups may be set. */
int idmap_become(uid_t uid, gid_t gid, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
