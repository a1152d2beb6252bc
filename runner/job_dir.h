/*
 * A job's directory in STATE/jobs, and who holds it: its maker by a lock on the directory, its worker by
 * one on its events. What nobody holds was left by processes that are dead.
 *
 * A directory is made and locked in one step: its maker shares a lock on STATE/jobs meanwhile, which who
 * looks for holders has alone.
 */
#ifndef RUNNER_JOB_DIR_H
#define RUNNER_JOB_DIR_H

#include "base/arena.h"
#include "runner/meta.h"

#include <stdbool.h>

/* A new one; the fd holds it. */
int job_dir_make(int jobs, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Its maker or its worker lives. dir: an fd of the caller's own. */
bool job_dir_held(int jobs, int dir) __attribute__((warn_unused_result));

/* The worker whose events these are lives. */
bool job_dir_worker_lives(int events) __attribute__((warn_unused_result));

/* What its maker wrote down. -1: nothing yet, or nothing that makes sense. */
int job_dir_meta(int dir, struct arena *a, struct meta *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

struct host;

/* Remove what killed commands left: directories that nobody holds and that were never a forge's. */
void job_dir_sweep(struct host *h) __attribute__((nonnull));

#endif
