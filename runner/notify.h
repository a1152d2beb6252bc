/* sd_notify's one datagram. */
#ifndef RUNNER_NOTIFY_H
#define RUNNER_NOTIFY_H

/* Tell the service manager (sd_notify(3)): lines of VARIABLE=value. Nothing happens without
 * $NOTIFY_SOCKET. */
void notify(const char *state) __attribute__((nonnull));

#endif
