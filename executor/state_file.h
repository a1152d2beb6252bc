/*
 * What a step wrote into GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE, GITHUB_PATH and
 * GITHUB_STEP_SUMMARY. Text is UTF-8, or UTF-16 with its byte order mark; a mark is no part of it. A
 * line ends at LF or CRLF. Errors name the line and never quote a value.
 */
#ifndef EXECUTOR_STATE_FILE_H
#define EXECUTOR_STATE_FILE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	STATE_FILE_MAX = 16 << 20,   /* bytes of a file */
	STATE_PAIRS_MAX = 10000,     /* names or lines in one */
	STATE_SUMMARY_MAX = 1 << 20, /* bytes of a summary, as on GitHub */
};

/* name: not empty, no NUL. value: n bytes and a '\0'; may hold NULs. */
struct state_pair {
	const char *name, *value;
	size_t n;
};

struct state_pairs {
	struct state_pair *pairs; /* in the order of the file: of one name the last counts */
	size_t n;
};

/*
 * The pairs of GITHUB_ENV, GITHUB_OUTPUT and GITHUB_STATE. A line is NAME=VALUE, or NAME<<DELIMITER
 * and the value's lines up to one that is DELIMITER; whichever of '=' and '<<' is first decides.
 * Empty lines are skipped. The value of a heredoc keeps its line ends but the last.
 * -1: a line is neither, a name or a delimiter is empty, a delimiter does not come, a limit.
 */
int state_file_pairs(const char *text, size_t n, struct arena *a, struct state_pairs *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/* The directories of GITHUB_PATH: a name a line, its value "". Each once, where it is named last: the
 * last one is first in PATH. */
int state_file_paths(const char *text, size_t n, struct arena *a, struct state_pairs *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/* The text of GITHUB_STEP_SUMMARY; *ret_n is 0 when there is none. NULL: it has more than it may. */
const char *state_file_summary(const char *text, size_t n, struct arena *a, size_t *ret_n,
			       struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whether GITHUB_ENV may set the variable: not NODE_OPTIONS, GITHUB_* and RUNNER_*, in any case. */
bool state_file_may_set(const char *name) __attribute__((nonnull));

#endif
