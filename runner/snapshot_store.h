/* Where snapshots lie in a mirror, and which of them stay. */
#ifndef RUNNER_SNAPSHOT_STORE_H
#define RUNNER_SNAPSHOT_STORE_H

#include "base/err.h"

#include <stdbool.h>

struct host;

/* Hex digits, one '-', hex digits. */
bool snapshot_key_ok(const char *key) __attribute__((nonnull));

/* Of this boot; made if asked. */
int snapshot_dir(int mirror, bool make, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Have name below dir removed, unless a job has it. */
void snapshot_remove(struct host *h, int dir, const char *name) __attribute__((nonnull));

/* Those of other boots go, and the least lately used ones beyond what a mirror may have. */
void snapshot_prune(struct host *h, int mirror) __attribute__((nonnull));

#endif
