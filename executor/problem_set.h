/* Problem matchers from the inside: what problem_file.c reads and problem_matcher.c uses. */
#ifndef EXECUTOR_PROBLEM_SET_H
#define EXECUTOR_PROBLEM_SET_H

#include "base/arena.h"
#include "base/buf.h"
#include "executor/problem_matcher.h"
#include "executor/regexp.h"

#include <stdbool.h>

enum problem_field {
	PROBLEM_FILE,
	PROBLEM_LINE,
	PROBLEM_COLUMN,
	PROBLEM_SEVERITY,
	PROBLEM_CODE,
	PROBLEM_MESSAGE,
	PROBLEM_FROM_PATH,
	PROBLEM_FIELDS,
};

struct problem_pattern {
	struct regexp *regexp;
	int group[PROBLEM_FIELDS]; /* -1: the pattern does not say it */
	bool loop;
};

/* What the patterns up to one have found: NULL where they say nothing. */
struct problem_running {
	bool on;
	char *value[PROBLEM_FIELDS];
};

struct problem_matcher {
	char *owner, *severity, *from_path;
	struct problem_pattern patterns[PROBLEM_PATTERNS_MAX];
	struct problem_running state[PROBLEM_PATTERNS_MAX]; /* behind each pattern but the last */
	size_t n;
	unsigned slow;
};

struct problem_matchers {
	struct problem_matcher *list[PROBLEM_MATCHERS_MAX]; /* the newest first */
	size_t n;
	struct buf plain;  /* the line without its colours */
	struct arena line; /* what was found in it */
};

void problem_matcher_reset(struct problem_matcher *m) __attribute__((nonnull));
void problem_matcher_free(struct problem_matcher *m);

/* The position of the owner's; m->n when there is none. */
size_t problem_matchers_find(const struct problem_matchers *m, const char *owner)
	__attribute__((nonnull));

#endif
