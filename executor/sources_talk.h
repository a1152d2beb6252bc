/* The worker's conversations with a fetcher and a packer, one request each. */
#ifndef EXECUTOR_SOURCES_TALK_H
#define EXECUTOR_SOURCES_TALK_H

#include "executor/fetch.h"
#include "executor/pack.h"
#include "executor/sources.h"

#include <stdarg.h>

/* A line of the log. */
void sources_say(struct sources_job *s, enum say_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull));

/* Fail with a fault: sets s->fault; returns -1. */
int sources_fail(struct sources_job *s, enum sources_fault fault) __attribute__((nonnull));

/* By a new fetcher; progress is said. ret's fds are the caller's. */
int sources_fetch(struct sources_job *s, const struct fetch_request *r, struct fetch_result *ret,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* By the packer on sock. ret may be NULL; what it holds is the caller's. */
int sources_pack(struct sources_job *s, int sock, const struct msg *request,
		 struct pack_result *ret, struct err *e)
	__attribute__((nonnull(1, 3, 5), warn_unused_result));

/* Wait ms, or less when interrupted: -1. */
int sources_pause(struct sources_job *s, uint64_t ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
