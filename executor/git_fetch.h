/* A fetcher's whole work for one request: hit or lock, fetch, fall back, rebuild, answer. */
#ifndef EXECUTOR_GIT_FETCH_H
#define EXECUTOR_GIT_FETCH_H

#include "executor/git_work.h"

/* Serve r and send the answer on sock; dir is the mirror's directory and becomes the working
 * directory. The caller watches: this call may take forever. git_lib_init came before. */
void git_fetch_serve(int sock, int dir, const struct fetch_request *r,
		     const struct fetch_settings *settings, struct fetch_watch *watch)
	__attribute__((nonnull));

/* Send a failure. */
void git_fetch_failed(int sock, enum sources_fault fault, const char *text)
	__attribute__((nonnull));

#endif
