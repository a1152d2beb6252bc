/* Going on in a user namespace of one's own: for a role of ours that makes files of many owners. */
#ifndef SANDBOX_USERNS_H
#define SANDBOX_USERNS_H

#include "sandbox/spec.h"

/* Whom its ids are: rows of a map, each a few; of a fixed size, sent as bytes. */
struct userns_maps {
	uint32_t map_by, nuids, ngids; /* enum sandbox_map */
	struct sandbox_ids uids[SANDBOX_MAPS], gids[SANDBOX_MAPS];
};

/*
 * From here on a child of the calling process goes on, as id 0 of a new user namespace with these maps,
 * and with its own network, pids, IPC and mounts.
 * The caller stays outside, waits for the child and ends as it ends; it never returns. When the caller is
 * killed the child is too. -1: nothing has happened.
 */
int userns_enter(const struct userns_maps *from, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
