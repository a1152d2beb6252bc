/* The host's /etc without what is secret or private, and with our own passwd, group, hosts. */
#ifndef SANDBOX_ETC_H
#define SANDBOX_ETC_H

#include "sandbox/setup.h"

#include <stdbool.h>
#include <time.h>

enum { ETC_NAMES = 256, ETC_NAME = 64 };

/* The entries of the host's /etc that a job does not see. Zeroed: not looked up yet. */
struct etc_hidden {
	struct timespec changed; /* /etc's when they were looked up */
	size_t n;
	char names[ETC_NAMES][ETC_NAME];
};

/* Look the host's /etc up anew if it has changed: what a table names, and what not everybody may
 * read. For the spawner, before the child is cloned. */
int etc_refresh(struct etc_hidden *h, struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whether an entry of /etc with this name is hidden whatever its mode. */
bool etc_is_private(const char *name) __attribute__((nonnull));

/* An inotify fd that becomes readable when a name comes, goes or changes its rights in /etc or below
 * it, where everybody may look: an overlay that stays does not see such a change for sure. */
int etc_watch(const struct etc_hidden *h, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* hosts, resolv.conf and hostname into the directory etc, in place of what is there. */
int etc_network(const struct setup *s, int etc, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Step. */
int etc_mount(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
