/* How a job ended: what happened, whose fault it was, the evidence, the next step. */
#ifndef EXECUTOR_VERDICT_H
#define EXECUTOR_VERDICT_H

#include "base/buf.h"

#include <stdbool.h>

enum fault { FAULT_NONE, FAULT_SCRIPT, FAULT_INFRA, FAULT_CONFIG, FAULT_TIMEOUT, FAULT_CANCELLED };

/* "none", "script", "infra", "config", "timeout", "cancelled". */
const char *fault_name(enum fault f) __attribute__((returns_nonnull));

/* The kinds of end that this runner knows; a row of a table each: fault, reason, next step. */
enum ending {
	ENDING_SUCCESS,
	ENDING_SCRIPT,      /* a command ended non-zero, or by a signal */
	ENDING_MEMORY,      /* more memory than the job may have */
	ENDING_TIMEOUT,     /* the job's or the script's time was up */
	ENDING_CANCELLED,   /* at the forge or by an operator */
	ENDING_INTERRUPTED, /* the runner was told to stop */
	ENDING_CONFIG,      /* what the job or the operator asked for cannot be done */
	ENDING_UNSUPPORTED, /* a feature that this runner does not have */
	ENDING_IMAGE,       /* the image cannot be had as it was asked for */
	ENDING_REGISTRY,    /* the registry did not do its part */
	ENDING_EXTERNAL,    /* a server that the job needs did not do its part */
	ENDING_INFRA,       /* the machine or the runner itself */
	ENDING_PAYLOAD,     /* the forge sent a job that cannot be read */
	ENDING_LOST,        /* the worker died */
	ENDINGS
};

struct verdict {
	enum ending ending;
	int exit_code;      /* of the command, 0 when there was none */
	char what[256];     /* "exit status 3": no fault, no advice */
	char evidence[512]; /* "" none */
	char next[256];     /* "" : the table's */
};

/* Fill v unless it already says how the job failed: the first failure is the one that counts.
 * Returns whether it did. */
bool verdict_set(struct verdict *v, enum ending ending, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull));
void verdict_evidence(struct verdict *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull));

enum fault verdict_fault(const struct verdict *v) __attribute__((nonnull));
/* GitLab's failure_reason before its compatibility map; "" on success. */
const char *verdict_reason(const struct verdict *v) __attribute__((nonnull, returns_nonnull));
/* "success" or "failed". */
const char *verdict_state(const struct verdict *v) __attribute__((nonnull, returns_nonnull));
/* One line: "exit status 3 (fault: script; …; next: …)". Into out. */
int verdict_text(const struct verdict *v, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* What to do next: v's own words or the table's; "" on success. */
const char *verdict_next(const struct verdict *v) __attribute__((nonnull, returns_nonnull));

#endif
