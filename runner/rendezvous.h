/* Sockets in a job's directory where a supervisor of a later life finds the job's processes. Who may
 * connect is decided by the directory's mode. */
#ifndef RUNNER_RENDEZVOUS_H
#define RUNNER_RENDEZVOUS_H

#include "base/err.h"

/* A listening socket called name in dir; one of that name that was there is replaced. */
int rendezvous_listen(int dir, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A connection to it, which never blocks. -1 with e: ENOENT, ECONNREFUSED nobody is there. */
int rendezvous_connect(int dir, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
