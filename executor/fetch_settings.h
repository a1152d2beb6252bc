/* What a fetcher is told about the network: its fd 5 (see executor/fetch.h). */
#ifndef EXECUTOR_FETCH_SETTINGS_H
#define EXECUTOR_FETCH_SETTINGS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* Strings are "" when absent. ca, cert, key: "/proc/self/fd/N" of a memfd that holds what the named
 * file held: read before the role is confined. ca is the system's certificates and the operator's. */
struct fetch_settings {
	const char *ca, *cert, *key, *proxy, *no_proxy, *git;
	uint64_t max_bytes, stall_ms;
};

/* fd -1: the defaults. The memfds stay open, and inheritable, for good. */
int fetch_settings_read(int fd, struct arena *a, struct fetch_settings *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
