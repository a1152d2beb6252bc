/* Serving one peer after the table of what it may ask: a message a verb, one after another. */
#ifndef BASE_VERB_H
#define BASE_VERB_H

#include "base/msg.h"

#include <stddef.h>

struct verb {
	uint32_t type;
	/* Takes the message's fields and answers. -1: it was malformed, or could not be answered. */
	int (*serve)(void *arg, struct msg *m, struct err *e);
};

/* Serve what comes from the blocking socket sock, by the row of its type, arg handed to each, until the
 * peer is gone (0). -1 with e set: a message that has no row, or what a row could not serve. */
int verb_serve(int sock, const struct verb *verbs, size_t n, void *arg, struct err *e)
	__attribute__((nonnull(2, 5), warn_unused_result));

#endif
