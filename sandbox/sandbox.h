/* How the supervisor has a sandbox made by the spawner (fd 3 of courser-spawner). */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/msg.h"
#include "sandbox/init.h"
#include "sandbox/spec.h"

enum sandbox_spawner_msg { SANDBOX_SPAWN = 1, SANDBOX_PREPARE, SANDBOX_SPAWNED, SANDBOX_GONE };

/*
 * Ask for a sandbox. fds are what the spec's indices count, ended by -1. They stay the caller's, and may
 * be closed once this has returned. Never blocks.
 */
int sandbox_spawn_request(int sock, uint64_t cookie, const struct sandbox_spec *spec,
			  const int *fds, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Have a sandbox ready for a request to come, that will differ from spec in nothing but mounts: spec
 * has none. Never blocks, is never answered, and promises nothing. */
int sandbox_prepare_request(int sock, const struct sandbox_spec *spec, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What the spawner says about the sandbox with this cookie. fds are the caller's; -1: absent. */
struct sandbox_made {
	uint64_t cookie;
	enum { SANDBOX_MADE, SANDBOX_REFUSED, SANDBOX_ENDED } what;
	int init;                 /* MADE: the worker's end of init's socket */
	int pidfd, userns, mntns; /* MADE: init, and the namespaces confine_join takes */
	uint32_t uid, gid;        /* MADE: the job's, inside */
	uint32_t status;          /* ENDED: 0-255, or 128 + signal, of init */
	char text[1024];          /* MADE: what degraded, a line each; REFUSED: why */
};

/* Decode one message of the spawner. -1 when it is malformed; nothing is left open then. */
int sandbox_spawn_reply(struct msg *m, struct sandbox_made *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Close what of its fds was not taken. */
void sandbox_made_done(struct sandbox_made *made) __attribute__((nonnull));

#endif
