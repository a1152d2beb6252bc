/* What is known of a job when its rights are decided, as text: "1 0", protected or not and from a fork or not, then
 * the labels that it asks for, a line each. */
#ifndef RUNNER_FACTS_H
#define RUNNER_FACTS_H

#include "base/buf.h"
#include "runner/profile.h"

enum { FACTS_MAX = 64 << 10 };

int facts_write(const struct profile_facts *f, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* labels point into text. -1: it is none such. */
int facts_read(const char *text, struct profile_facts *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Of the payload that fd is, in the form of that server: by courser-facts, which says on standard error what is
 * wrong. Appended to out as text. -1 with an empty e: that has been said. */
int facts_of(int payload, const char *forge, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
