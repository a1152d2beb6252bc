/* The TCP ports that answer on 127.0.0.1, by what the kernel lists: nobody is disturbed by a connection. */
#ifndef SANDBOX_PORTS_H
#define SANDBOX_PORTS_H

#include <stdbool.h>
#include <stddef.h>

enum { PORTS_MAX = 32 };

/* The first of the ports that answers in this process's network; 0 none. */
unsigned ports_answering(const unsigned *ports, size_t n) __attribute__((nonnull));

/* Whether a line of /proc/net/tcp or tcp6 is of a socket that takes connections to 127.0.0.1, and its port. */
bool ports_parse(const char *line, unsigned *ret_port) __attribute__((nonnull));

#endif
