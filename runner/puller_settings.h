/* What a puller is told about registries: its fd 6, a line each, key=value as str_quote writes it;
 * insecure and mirror may repeat. */
#ifndef RUNNER_PULLER_SETTINGS_H
#define RUNNER_PULLER_SETTINGS_H

#include "protocol/oci_client.h"

/* auth: what the operator's file of docker's form holds, "" none; read here, before the role is
 * confined. max_bytes: of the layers of one image as they are fetched. */
struct puller_settings {
	struct oci_rules rules;
	const char *auth;
	uint64_t max_bytes;
};

int puller_settings_read(int fd, struct arena *a, struct puller_settings *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
