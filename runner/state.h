/*
 * What the daemon keeps on disk, and the locks that make it one daemon.
 *
 *   STATE/lock                  held (flock) by the daemon; `exec` does not need it
 *   STATE/slots/N               held by whoever uses slot N: the ids and kept trees that go with it
 *   STATE/jobs/NAME/            a job: log, events (executor/journal.h), meta, ctl and keeper (sockets of the
 *                               worker and its keeper), tree; held by who runs it (runner/job_dir.h)
 *   STATE/trees/ID-N[-p]/       kept trees of project ID in slot N
 *   STATE/tokens                rotated tokens that the configuration could not take (runner/token_store.h)
 *   STATE/audit                 a line for each secret that was read, without its value
 *
 * And what may be deleted while nothing runs, in CACHE, which is STATE unless cache_dir says otherwise:
 *   CACHE/mirrors/HOST/ID[-p]/  bare repositories (executor/fetch.h); -p: of protected refs
 *   CACHE/caches/NAME/          caches of a project and trust (executor/cache_store.h)
 *   CACHE/images/               layers and manifests (executor/image_store.h)
 */
#ifndef RUNNER_STATE_H
#define RUNNER_STATE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct state {
	int dir, cache, jobs, mirrors, trees, slots, caches, images;
};

#define STATE_CLOSED                           \
	{                                      \
		-1, -1, -1, -1, -1, -1, -1, -1 \
	}

/* Open STATE at path and CACHE at cache ("": the same), making what is absent. -1 with e naming the
 * place; s is STATE_CLOSED then. */
int state_open(struct state *s, const char *path, const char *cache, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void state_close(struct state *s) __attribute__((nonnull));

/* The one daemon: the lock's fd, or -1 when another one runs on this state. */
int state_lock(const struct state *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Lock slot n: its lock's fd, -1 with code EWOULDBLOCK when somebody uses it. */
int state_slot(const struct state *s, unsigned n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The mirror of a project: a directory, made if absent. origin is scheme://host[:port]. */
int state_mirror(const struct state *s, const char *origin, uint64_t project, bool protected_ref,
		 struct err *e) __attribute__((nonnull, warn_unused_result));
/* The mirror of another repository, by its whole URL; public: of what is fetched without a token. */
int state_mirror_of_url(const struct state *s, const char *url, bool public, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Append-only; -1 with e set. */
int state_audit(const struct state *s, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The default: /var/lib/courser for root, $XDG_STATE_HOME/courser or ~/.local/state/courser. */
int state_default_path(struct buf *out, struct err *e) __attribute__((nonnull, warn_unused_result));

enum { STATE_PATH = 4096 }; /* what ret has room for */

/* The nearest directory of path that is there, whole and without links. false: errno says why not. */
bool state_existing(const char *path, char *ret) __attribute__((nonnull, warn_unused_result));

/* Whether every directory of path, as far as it is there, can be searched by any account. false:
 * the first that cannot is in ret_shut. */
bool state_reachable(const char *path, char *ret_shut) __attribute__((nonnull, warn_unused_result));

#endif
