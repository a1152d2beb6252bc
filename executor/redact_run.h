/* The machines of the patterns, one a kind: what a run does with a byte that is not dull to it. */
#ifndef EXECUTOR_REDACT_RUN_H
#define EXECUTOR_REDACT_RUN_H

#include "executor/redact_pattern.h"

/* A word of this kind has ended, len bytes long: its run, which is zeroed, begins. */
void run_begin(struct pattern_run *r, const struct symbol *s, unsigned kind, size_t len)
	__attribute__((nonnull));

/* The run goes on with s; false: it ends before it. */
bool run_step(struct pattern_run *r, const struct symbol *s) __attribute__((nonnull));

/* The END line of a key that is being looked at. */
void run_key_ends(struct pattern_run *r, const struct symbol *s) __attribute__((nonnull));
bool run_is_key_body(const struct pattern_run *r) __attribute__((nonnull));
bool run_may_be_key(const struct pattern_run *r) __attribute__((nonnull));

/* The run ends: what it masks, it masks to offset to. */
void run_drop(const struct symbol *s, unsigned slot, uint64_t to) __attribute__((nonnull));

#endif
