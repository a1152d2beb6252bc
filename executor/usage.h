/* What a job may use and what it has used: of its cgroup where it has one, else of what its init can see. */
#ifndef EXECUTOR_USAGE_H
#define EXECUTOR_USAGE_H

#include "base/buf.h"
#include "base/msg.h"

#include <stdbool.h>

/* The files of a cgroup, in the order in which the supervisor passes them. */
enum usage_file {
	USAGE_MEMORY_EVENTS,
	USAGE_MEMORY_PEAK,
	USAGE_PIDS_PEAK,
	USAGE_CPU_STAT,
	USAGE_FILES
};

struct usage {
	uint64_t memory_max;    /* bytes; 0: no limit */
	int files[USAGE_FILES]; /* -1: there is no cgroup */
	uint64_t over;          /* bytes that a sample found and that were too many; 0 none */
	uint64_t memory_peak, largest, processes, cpu_us; /* 0: not known */
};

void usage_init(struct usage *u) __attribute__((nonnull));
void usage_done(struct usage *u) __attribute__((nonnull));

/* The supervisor's words: u64 memory_max, and the files of the cgroup or none. Malformed: see msg_end. */
void usage_take(struct usage *u, struct msg *m) __attribute__((nonnull));

/* Does a cgroup hold the limits. */
bool usage_by_cgroup(const struct usage *u) __attribute__((nonnull));

/* Init's words: SANDBOX_INIT_MEASURED. */
void usage_measured(struct usage *u, const char *text) __attribute__((nonnull));
/* Read the cgroup's files, as far as there are any: before they go with their last process. */
void usage_read(struct usage *u) __attribute__((nonnull));

/* Was something ended because the job used more memory than it may. */
bool usage_out_of_memory(const struct usage *u) __attribute__((nonnull));

/* "memory 12.0 MiB at most, of 256.0 MiB; CPU 1.204 s; 7 processes at most (cgroup)". "" when nothing is known. */
int usage_text(const struct usage *u, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "cgroup", "samples" or "processes": where the figures come from. */
const char *usage_source(const struct usage *u) __attribute__((nonnull, returns_nonnull));

#endif
