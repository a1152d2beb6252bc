/* A bare mirror in a directory: opened, mended, asked, set aside. The refs are called as on the
 * server; the working directory is the mirror's. */
#ifndef EXECUTOR_GIT_MIRROR_H
#define EXECUTOR_GIT_MIRROR_H

#include "executor/git_work.h"

/* Open it into w->repo; make: create what is missing, else an absent mirror is -1 too. A mirror that
 * cannot be opened is SOURCES_CORRUPT. */
int git_mirror_open(struct git_work *w, bool make, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void git_mirror_close(struct git_work *w) __attribute__((nonnull));

/* Hold the lock, waiting for it; a crash leaves nothing behind that matters. What a fetcher that was
 * killed left half-written is removed. git_mirror_unlock says that all is whole. */
int git_mirror_lock(struct git_work *w, struct err *e) __attribute__((nonnull, warn_unused_result));
void git_mirror_unlock(struct git_work *w) __attribute__((nonnull));

/* Whether the request can be served without asking the server: the commit is there and every ref
 * that is named singly stands at it, or is a pipeline's, which always stands at its own commit;
 * patterns only if this very request was answered before. */
bool git_mirror_hit(struct git_work *w) __attribute__((nonnull));

/* Note that the request was answered by the server, for git_mirror_hit. */
int git_mirror_asked(struct git_work *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The commit and its tree can be read. */
bool git_mirror_has(struct git_work *w) __attribute__((nonnull));

/* Stand ref name at the commit oid (hex), whatever stood in its way. */
int git_mirror_set(struct git_work *w, const char *name, const char *oid, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Remove refs that would be above or below name: the server cannot have both. */
void git_mirror_clear_way(struct git_work *w, const char *name) __attribute__((nonnull));

/* Rename all that is there into set-aside-<time>, whose like is removed before; "objects" stays the
 * same directory, so that sandboxes go on showing it. */
int git_mirror_set_aside(struct git_work *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The refs of the request as a sealed memfd in the form of packed-refs. -1 with e. */
int git_mirror_refs(struct git_work *w, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
