/* A command line as a text: its words. Pure. */
#ifndef EXECUTOR_WORDS_H
#define EXECUTOR_WORDS_H

#include "base/arena.h"

#include <stddef.h>

/* list has room for max and a NULL behind them. */
struct words {
	const char **list;
	size_t max, n;
};

/* The words of text into w->list: quotes of both kinds, a backslash outside of single ones. -1: a quote is not closed
 * (EINVAL), or there are more than max (E2BIG). */
int words_split(const char *text, struct arena *a, struct words *w, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
