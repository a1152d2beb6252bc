/* A job's sources when a step wants them, and what lies beside them: for worker_checkout.c and its like. */
#ifndef EXECUTOR_WORKER_SOURCES_H
#define EXECUTOR_WORKER_SOURCES_H

#include "executor/worker.h"

/* With the callbacks of this worker; the rest is the caller's to fill in. */
struct sources_job worker_sources_job(struct worker *w) __attribute__((nonnull));

/* Below which address the server has repositories, as it is reached from here. */
const char *worker_server_url(const struct worker *w) __attribute__((nonnull, returns_nonnull));

#endif
