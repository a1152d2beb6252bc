/* libgit2 in a role of ours: started with no configuration but what we say, its errors as ours. */
#ifndef EXECUTOR_GIT_LIB_H
#define EXECUTOR_GIT_LIB_H

#include "executor/fetch.h"

/* Once in a process: no system, global or user configuration, no templates, no check of owners
 * (directories are given to us as fds by who decides). -1 with e set. */
int git_lib_init(struct err *e) __attribute__((nonnull, warn_unused_result));

/* Trust the certificates in the PEM file at path, and only them. */
int git_lib_certificates(const char *path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whether incremental fetches of this libgit2 ask for no more than is missing (1.7 on). */
bool git_lib_fetches_well(void);

/* "libgit2 1.5.1". */
const char *git_lib_name(void) __attribute__((returns_nonnull));

/* What libgit2 just refused (its return value r), into e behind what; says what kind of failure it
 * was. */
enum sources_fault git_lib_error(int r, struct err *e, const char *what) __attribute__((nonnull));

/* Words for an operator to be put behind a text of git or of libgit2 about url, or "". */
const char *git_text_hint(const char *text, const char *url) __attribute__((nonnull));

/* The kind of failure that text, of git or of libgit2, speaks of; SOURCES_INTERNAL if none. */
enum sources_fault git_text_fault(const char *text) __attribute__((nonnull));

#endif
