/* The part of a sandbox's spec that says what its network is, and the names in it. */
#ifndef SANDBOX_SPEC_NET_H
#define SANDBOX_SPEC_NET_H

enum { SANDBOX_HOSTNAME = 64, SANDBOX_ALIASES = 2048 };

enum sandbox_net {
	SANDBOX_NET_NONE, /* a network namespace of its own with nothing but loopback */
	SANDBOX_NET_HOST, /* the host's */
	SANDBOX_NET_JOIN, /* that of another sandbox, whose init is the pidfd fds[net_fd] */
	SANDBOX_NETS
};

#endif
