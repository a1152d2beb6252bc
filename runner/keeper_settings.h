/* What a keeper has to know of the configuration: its fd 5 (executor/secrets.h). */
#ifndef RUNNER_KEEPER_SETTINGS_H
#define RUNNER_KEEPER_SETTINGS_H

#include "base/arena.h"

#include <stdint.h>

/* No string is NULL. */
struct keeper_settings {
	const char *ca_file, *cert_file, *key_file, *proxy, *no_proxy;
	const char *allowed, *job;
	uint64_t life_max_s; /* 0: no bound */
	uint64_t read_ms;    /* the budget of one read; 0: KEEPER_READ_MS */
};

/* Lines of key=value; keys of others are passed over. -1: a line is malformed. */
int keeper_settings_read(const char *text, struct arena *a, struct keeper_settings *ret,
			 struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
