/* What a ref stands for at a server: a branch before a tag, a tag for its commit. */
#ifndef EXECUTOR_GIT_LISTING_H
#define EXECUTOR_GIT_LISTING_H

#include "executor/git_work.h"

/* Whether ref can be asked for: a branch, a tag, "refs/…" or "HEAD". */
bool git_listing_ref_ok(const char *ref) __attribute__((nonnull));

/* The server has name, "refs/tags/v1^{}", at the object sha (40 digits). */
void git_listing_take(struct git_work *w, const char *name, const char *sha)
	__attribute__((nonnull));

/* Fill the request's sha and the result's sha and ref from what was taken, and add the refspec that
 * brings it. -1 (SOURCES_NOT_FOUND): the server has nothing of that name. */
int git_listing_settle(struct git_work *w, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same from what this mirror was told before; note it for then. */
int git_listing_recall(struct git_work *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int git_listing_note(struct git_work *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
