#include "runner/disk_floor.h"

#include "base/log.h"
#include "base/str.h"

#include <sys/statvfs.h>

enum { AGAIN_MS = 10000 };

/* What an ordinary process may still write. */
static uint64_t room(int dir)
{
	struct statvfs v;
	return fstatvfs(dir, &v) < 0 ? UINT64_MAX : (uint64_t)v.f_bavail * v.f_frsize;
}

static void tell(const struct disk_floor *f, uint64_t left)
{
	char free_mib[STR_NUM], least_mib[STR_NUM];
	if (f->low)
		log_warn("too little room on the disk: no job is accepted until there is more",
			 "free_mib", str_num(free_mib, left >> 20), "job_free_mib",
			 str_num(least_mib, f->least >> 20), NULL);
	else
		log_info("there is room on the disk again", "free_mib",
			 str_num(free_mib, left >> 20), NULL);
}

bool disk_floor_has_room(struct disk_floor *f)
{
	uint64_t state = room(f->state->dir), cache = room(f->state->cache);
	uint64_t left = state < cache ? state : cache;
	bool was = f->low;
	f->low = left < f->least;
	if (f->low != was)
		tell(f, left);
	if (f->low)
		loop_timer(f->loop, &f->again, AGAIN_MS);
	else
		loop_timer_clear(f->loop, &f->again);
	return !f->low;
}
