/* What a puller is told about registries: its fd 6, a line each, key=value as str_quote writes it;
 * insecure, mirror and path may repeat. */
#ifndef RUNNER_PULLER_SETTINGS_H
#define RUNNER_PULLER_SETTINGS_H

#include "protocol/oci_client.h"

/* auth: what the operator's file of docker's form holds, "" none; read here, before the role is
 * confined. max_bytes: of the layers of one image as they are fetched. */
struct puller_settings {
	struct oci_rules rules;
	const char *auth;
	uint64_t max_bytes;
	/* directories below which images may be taken from the disk, as they were when this was read */
	struct puller_path {
		const char *name;
		int fd;
	} * paths;
	size_t npaths;
};

int puller_settings_read(int fd, struct arena *a, struct puller_settings *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
