/* What a service is called and which ports it is known by. Pure. */
#ifndef EXECUTOR_SERVICE_H
#define EXECUTOR_SERVICE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { SERVICE_PORTS = 20 };

/*
 * The names of a service whose image is called name: "registry:5000/tutum/wordpress:4" is
 * "registry__tutum__wordpress" and "registry-tutum-wordpress"; then those of alias, which have commas or
 * spaces between. Each that is not in taken yet (names with spaces between) is appended to it. Names that
 * no resolver could have are left out, and counted.
 */
int service_names(const char *name, const char *alias, struct buf *taken, unsigned *ret_bad,
		  struct err *e) __attribute__((nonnull, warn_unused_result));

/* The TCP port of "5432/tcp" or "5432"; 0 when it is none. */
unsigned service_port(const char *text) __attribute__((nonnull));

#endif
