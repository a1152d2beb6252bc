/* The inside of a redact_set, for the modules of the redactor only. */
#ifndef EXECUTOR_REDACT_SET_H
#define EXECUTOR_REDACT_SET_H

#include "executor/redact.h"
#include "executor/redact_automaton.h"
#include "executor/redact_pattern.h"
#include "executor/redact_variants.h"

struct redact_set {
	struct redact_region region; /* all that is made from secrets */
	size_t promised;             /* what building will need of it, at most */
	bool built, locked, short_fails;
	char mask[REDACT_MASK_MAX + 1];
	size_t mask_n;
	struct needle *needles[LANES]; /* bytes are in the region */
	size_t n[LANES], cap[LANES];
	struct automaton lanes[LANES];
	struct pattern_set patterns;
	char *prefixes[PATTERN_PREFIXES + 1];
	size_t nprefixes;
	struct buf warnings;
};

/* White space: any run of it is one space, or nothing. */
static inline bool redact_is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
