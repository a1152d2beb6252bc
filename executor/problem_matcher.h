/*
 * Problem matchers: regular expressions that find a compiler's remarks in a step's output, one line or
 * several lines at a time. What their regular expressions may be: executor/regexp.h.
 */
#ifndef EXECUTOR_PROBLEM_MATCHER_H
#define EXECUTOR_PROBLEM_MATCHER_H

#include "base/err.h"
#include "executor/annotation.h"

#include <stddef.h>

enum {
	PROBLEM_FILE_MAX = 256 << 10, /* bytes of a file of matchers */
	PROBLEM_MATCHERS_MAX = 64,    /* at a time */
	PROBLEM_PATTERNS_MAX = 32,    /* of one matcher */
	PROBLEM_LINE_MAX = 8 << 10,   /* bytes of a line that are looked at */
	PROBLEM_TIMED_LINE = 256,     /* matches of longer ones are timed */
	PROBLEM_SLOW_MS = 100,        /* a match that takes longer is slow */
	PROBLEM_SLOW_TIMES = 3,       /* a matcher that was slow so often is taken out */
};

struct problem_matchers;

/* An empty set. NULL: out of memory. */
struct problem_matchers *problem_matchers_new(struct err *e) __attribute__((nonnull));
void problem_matchers_free(struct problem_matchers *m);

/*
 * All matchers of a JSON file, {"problemMatcher": [{owner, severity, fromPath, pattern: [{regexp, file,
 * line, column, severity, code, message, fromPath, loop}]}]}, before those that are there; one whose
 * owner is there already replaces it. -1: none of them, e says what is wrong after the place in the
 * file: "problemMatcher[0].pattern[1].line: …".
 */
int problem_matchers_add(struct problem_matchers *m, const char *text, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Take out the matcher of that owner, in any case; all whose owners the file names. */
void problem_matchers_remove(struct problem_matchers *m, const char *owner)
	__attribute__((nonnull));
int problem_matchers_remove_file(struct problem_matchers *m, const char *text, size_t n,
				 struct err *e) __attribute__((nonnull, warn_unused_result));

size_t problem_matchers_count(const struct problem_matchers *m) __attribute__((nonnull));

/*
 * The next line of the output, without its end; colours in it do not count. 1: it completes a remark,
 * whose texts are m's until the next call. file is as the tool wrote it, beneath the directory of
 * fromPath if it is not absolute: where it is in the repository is for the caller to find out.
 * 0: nothing. -1: a matcher took too long and was taken out, or memory is out: e names it.
 */
int problem_matchers_line(struct problem_matchers *m, const char *line, size_t n,
			  struct annotation *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
