/*
 * Typed messages with file descriptors between our own processes, over SOCK_SEQPACKET.
 *
 * Layout: u32 type, then fields in the order both sides know: u32 and u64 in host order, strings and
 * bytes as u32 length and content. A reader takes every field in order and then calls msg_end, which
 * fails if a field was short, malformed or left over: a peer that is out of step is found at once.
 * Errors of single fields are latched, so a whole message is read or written before one check.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { MSG_MAX = 60 << 10, MSG_FDS = 20 };

struct msg {
	uint32_t type;
	struct buf body;
	size_t at;     /* reading position */
	bool bad;      /* a field did not fit or was malformed */
	bool received; /* fds are ours and closed by msg_done */
	int fds[MSG_FDS];
	unsigned nfds, fdat;
};

/* Both ends of a new connection, close-on-exec. */
int msg_pair(int ret[2], struct err *e) __attribute__((nonnull, warn_unused_result));

/* Start a message to write. msg_done after msg_send; body is wiped. */
void msg_init(struct msg *m, uint32_t type) __attribute__((nonnull));
void msg_done(struct msg *m) __attribute__((nonnull));
#define automsg __attribute__((cleanup(msg_done))) struct msg

void msg_put_u32(struct msg *m, uint32_t v) __attribute__((nonnull));
void msg_put_u64(struct msg *m, uint64_t v) __attribute__((nonnull));
void msg_put_bytes(struct msg *m, const void *p, size_t n) __attribute__((nonnull(1)));
void msg_put_str(struct msg *m, const char *s) __attribute__((nonnull));
/* The fd is borrowed: it stays the caller's and must live until msg_send. -1 latches bad. */
void msg_put_fd(struct msg *m, int fd) __attribute__((nonnull));

/* Send it, never blocking: EAGAIN is an error like any other. */
int msg_send(int sock, const struct msg *m, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Receive one message into m, which is initialised by the call. Blocks unless the socket is
 * non-blocking. 1 a message, 0 the peer is gone, -1 error (EAGAIN: nothing there). */
int msg_recv(int sock, struct msg *m, struct err *e) __attribute__((nonnull, warn_unused_result));
/* As msg_recv, but gives up after timeout_ms with ETIMEDOUT. */
int msg_recv_within(int sock, struct msg *m, int timeout_ms, struct err *e)
	__attribute__((nonnull, warn_unused_result));

uint32_t msg_get_u32(struct msg *m) __attribute__((nonnull));
uint64_t msg_get_u64(struct msg *m) __attribute__((nonnull));
/* Borrowed from m, never NULL; *n may be 0. A string is '\0'-terminated and holds no NUL. */
const void *msg_get_bytes(struct msg *m, size_t *n) __attribute__((nonnull, returns_nonnull));
const char *msg_get_str(struct msg *m) __attribute__((nonnull, returns_nonnull));
/* The next fd, now the caller's; -1 and bad when there is none. */
int msg_get_fd(struct msg *m) __attribute__((nonnull));

/* 0 when all fields and fds were taken and none was malformed. */
int msg_end(const struct msg *m, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
