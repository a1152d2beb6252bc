/* One event loop for every role: epoll for fds, timers beside it. Signals, children and timers are
 * all events; no code of ours runs in a signal handler. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Embedded in its owner. ready is called with the EPOLL* bits that are set. */
struct source {
	int fd;
	void (*ready)(struct source *s, uint32_t events);
};

/* Embedded in its owner; zeroed means "not set". */
struct timer {
	void (*fire)(struct timer *t);
	uint64_t at_ms; /* clock_ms() time */
	struct timer *next;
	bool set;
};

/* NULL with e set. */
struct loop *loop_new(struct err *e) __attribute__((nonnull));
void loop_free(struct loop *l);

/* Watch s->fd for events (EPOLLIN …); change what is watched; stop. Unwatching is safe from within
 * any callback: a pending event of s is dropped. Unwatch before the fd is closed. */
int loop_watch(struct loop *l, struct source *s, uint32_t events, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int loop_change(struct loop *l, struct source *s, uint32_t events, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void loop_unwatch(struct loop *l, struct source *s) __attribute__((nonnull));

/* Fire t once, in delay_ms or later; setting it again moves it. loop_timer_clear is always safe. */
void loop_timer(struct loop *l, struct timer *t, uint64_t delay_ms) __attribute__((nonnull));
void loop_timer_clear(struct loop *l, struct timer *t) __attribute__((nonnull));

/* Wait for one batch of events, at most until the next timer, and dispatch it. -1: epoll failed. */
int loop_once(struct loop *l, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Readable while an event waits (timers do not count): for those who must poll us among others. */
int loop_fd(const struct loop *l) __attribute__((nonnull));

/* loop_once until *done is true. */
int loop_until(struct loop *l, const bool *done, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Block the signals (0-terminated list) and return a signalfd for them; -1 with e set. */
int loop_signals(const int *signals, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
