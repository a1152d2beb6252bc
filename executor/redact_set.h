/* The inside of a redact_set, for the modules of the redactor only. */
#ifndef EXECUTOR_REDACT_SET_H
#define EXECUTOR_REDACT_SET_H

#include "executor/redact.h"
#include "executor/redact_automaton.h"
#include "executor/redact_gate.h"
#include "executor/redact_pattern.h"
#include "executor/redact_variants.h"

enum { REDACT_WINDOW = REDACT_LONGEST / 2 }; /* what is looked for in one piece */

/* A value as it was added, trimmed; the bytes are in the region. */
struct redact_value {
	char *name;
	const char *p;
	size_t n;
	bool short_of_room; /* has been said */
};

struct redact_set {
	struct redact_region region; /* all that is made from secrets */
	size_t promised;             /* what building will need of it, at most */
	size_t large;                /* of it: for values that are large */
	struct redact_value *values;
	size_t nvalues, values_cap;
	bool built, locked, short_fails;
	char mask[REDACT_MASK_MAX + 1];
	size_t mask_n;
	struct needle *needles[LANES]; /* bytes are in the region */
	size_t n[LANES], cap[LANES];
	struct automaton lanes[LANES];
	struct words words;
	struct gate gate;
	char *prefixes[WORDS_PREFIXES + 1];
	size_t nprefixes;
	struct buf warnings;
};

/* Fill needles from values; what finds no room is left out and said in warnings. */
int redact_needles_make(struct redact_set *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "name: what" among the warnings. */
int redact_set_warn(struct redact_set *s, const char *name, const char *what, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Without the white space at both ends. */
void redact_trim(const char **p, size_t *n) __attribute__((nonnull));

/* White space: any run of it is one space, or nothing. */
static inline bool redact_is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
