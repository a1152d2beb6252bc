/* One question to a forge for a command: verify, register, unregister, reset a token. */
#ifndef RUNNER_COURIER_ONCE_H
#define RUNNER_COURIER_ONCE_H

#include "runner/courier_hub.h"

/* Ask; a RESULT follows in any case. */
void once_ask(struct courier_hub *h, const struct courier_oneshot *o) __attribute__((nonnull));

void once_free_all(struct courier_hub *h) __attribute__((nonnull));

#endif
