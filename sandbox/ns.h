/* Namespaces: the clone that makes them, their fds, and what is set within them. */
#ifndef SANDBOX_NS_H
#define SANDBOX_NS_H

#include "sandbox/setup.h"

#include <sys/types.h>

struct ns_child {
	pid_t pid; /* 0 in the child itself */
	int pidfd; /* the parent's */
};

/* The namespaces of a sandbox with this network profile. */
uint64_t ns_flags(enum sandbox_net net);

/* Clone this process (fork semantics) into new namespaces, in the cgroup if it is not -1. Returns 0
 * in both processes. */
int ns_clone(uint64_t flags, int cgroup, struct ns_child *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same, of a process in the network namespace of the process behind the pidfd net; flags hold no
 * CLONE_NEWNET. This process stays where it is: nobody without privilege could come back. */
int ns_clone_joined(int net, uint64_t flags, int cgroup, struct ns_child *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* An fd of the namespace ("user", "mnt") of process pid. */
int ns_open(pid_t pid, const char *name, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Steps: loopback up in a network namespace of its own; the hostname. */
int ns_network(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int ns_hostname(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
