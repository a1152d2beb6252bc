/* The text that a shell runs for a step: the lines of the job in GitLab's frame. */
#ifndef EXECUTOR_SCRIPT_H
#define EXECUTOR_SCRIPT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct script {
	const char *const *lines;
	size_t nlines;
	bool xtrace;     /* CI_DEBUG_TRACE */
	bool check_exit; /* FF_ENABLE_BASH_EXIT_CODE_CHECK */
	bool sections;   /* FF_SCRIPT_SECTIONS: a multi-line command is shown whole, collapsed */
	const char *env_file;       /* GITLAB_ENV: KEY=VALUE lines of earlier steps; "" none */
	const char *before, *after; /* the operator's pre_build and post_build scripts; "" none */
};

/*
 * The frame, then each line, shown as "$ line" before it runs. One shell runs all lines: directory,
 * variables and functions persist; the first failure ends it (errexit, pipefail where the shell has
 * it). The environment is not in the text.
 */
int script_build(const struct script *s, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* s in single quotes for any POSIX shell. */
int script_quote(struct buf *out, const char *s, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
