/* The room that must be left on the runner's disks before another job is accepted: a job that meets a
 * full disk fails for no fault of its own. */
#ifndef RUNNER_DISK_FLOOR_H
#define RUNNER_DISK_FLOOR_H

#include "base/loop.h"
#include "runner/state.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_floor {
	struct loop *loop;
	const struct state *state;
	uint64_t least; /* bytes that must be free; 0: never mind */
	bool low;
	struct timer again; /* set while it is low: fire is the owner's, who asks once more */
};

/* Whether STATE and CACHE have room, as far as one can ask. What changes is logged; while there is
 * none, again fires every ten seconds. */
bool disk_floor_has_room(struct disk_floor *f) __attribute__((nonnull));

#endif
