/* How much memory the processes of a sandbox use, as its init can see it: where there is no cgroup. */
#ifndef SANDBOX_USAGE_H
#define SANDBOX_USAGE_H

#include <stdint.h>

/*
 * Bytes used by all processes below /proc but pid 1, and by the files of the private tmpfs. Cheap first: resident
 * pages, shared ones counted for each; only when that is more than `enough`, exactly: shared ones by shares
 * (PSS), except of a process that lets nobody look.
 */
uint64_t usage_memory(uint64_t enough);

#endif
