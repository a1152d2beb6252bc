/* Capabilities, and the promise never to gain any. */
#ifndef SANDBOX_CAPS_H
#define SANDBOX_CAPS_H

#include "sandbox/setup.h"

/* The three halves of having none: an empty bounding set and, from then on, ids that change without
 * touching the other sets (needs CAP_SETPCAP); empty effective, permitted, inheritable and ambient
 * sets; no_new_privs. */
int caps_drop_bounding(struct err *e) __attribute__((nonnull, warn_unused_result));
int caps_drop_sets(struct err *e) __attribute__((nonnull, warn_unused_result));
int caps_forswear(struct err *e) __attribute__((nonnull, warn_unused_result));

/* These and no others, in the bounding set and in effect; nothing is inherited, and an id that changes
 * takes them along as it does everywhere. */
int caps_keep(uint64_t caps, struct err *e) __attribute__((nonnull, warn_unused_result));

/* The same as steps. */
int caps_bound(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int caps_setup(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));
int caps_no_new_privs(struct setup *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
