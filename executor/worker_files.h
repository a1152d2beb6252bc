/* The files of a job between its worker's phases: artifacts of needed jobs, caches, its own artifacts. */
#ifndef EXECUTOR_WORKER_FILES_H
#define EXECUTOR_WORKER_FILES_H

#include "executor/fetch.h"
#include "executor/worker.h"

/* Texts of the payload with variables expanded, from the job's arena. NULL with e set. */
const char *const *worker_expand_all(struct worker *w, const char *const *texts, size_t n,
				     struct err *e) __attribute__((nonnull(1, 4)));

/* Whether something with this `when` is for a job that has gone so. */
bool worker_wanted(enum job_when when, bool success);

/* How a job ends for this fault of a role. */
enum ending worker_ending_of(enum sources_fault f);

/* Caches into the tree and, in the last phase, from it. What goes wrong is said, and no more. */
void worker_restore_caches(struct worker *w) __attribute__((nonnull));
void worker_save_caches(struct worker *w, bool success) __attribute__((nonnull));

/* The artifacts of the jobs that this one needs, into its tree. 0, or -1 the verdict is set. */
int worker_dependencies(struct worker *w) __attribute__((nonnull, warn_unused_result));

#endif
