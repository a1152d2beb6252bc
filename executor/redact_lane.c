/* Where the bytes of a lane stood. */
#include "executor/redact_lane.h"

#include <errno.h>
#include <stdlib.h>

int lane_init(struct lane *l, size_t longest, struct err *e)
{
	size_t size = LANE_LEAST;
	while (size <= longest)
		size *= 2;
	struct piece *pieces = size == LANE_LEAST ? l->few : calloc(size, sizeof *pieces);
	if (!pieces)
		return err_set(e, ENOMEM, "out of memory");
	lane_done(l);
	l->pieces = pieces;
	l->mask = (uint32_t)(size - 1);
	lane_reset(l);
	return 0;
}

void lane_done(struct lane *l)
{
	if (l->pieces != l->few)
		free(l->pieces);
}

static const struct piece *piece_at(const struct lane *l, uint64_t i)
{
	return &l->pieces[i & l->mask];
}

/* The piece that byte k is in, one of the last `back`: a piece has a byte at least. */
static const struct piece *piece_of(const struct lane *l, uint32_t k, uint32_t back)
{
	uint64_t hi = l->npieces - 1, lo = hi > back ? hi - back : 0;
	if ((int32_t)(k - piece_at(l, hi)->from) >= 0)
		return piece_at(l, hi);
	while (lo + 1 < hi) {
		uint64_t mid = (lo + hi) / 2;
		if ((int32_t)(k - piece_at(l, mid)->from) >= 0)
			lo = mid;
		else
			hi = mid;
	}
	return piece_at(l, lo);
}

uint64_t lane_offset(const struct lane *l, uint32_t back, uint64_t near)
{
	uint32_t k = (uint32_t)(l->seen - back);
	uint32_t low = l->npieces ? k + piece_of(l, k, back)->shift : (uint32_t)near;
	return near - (uint32_t)((uint32_t)near - low);
}

uint32_t lane_since(const struct lane *l, uint64_t x, uint32_t most)
{
	uint32_t n = 0;
	while (n < most && n < l->seen && l->npieces && lane_offset(l, n + 1, l->next) >= x)
		n++;
	return n;
}
