#include "protocol/json_room.h"

#include "base/pages.h"

#include <jansson.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef COURSER_SANITIZED /* there each value is watched on its own */
void json_room_enter(void)
{
}

void json_room_leave(void)
{
}
#else

enum { BLOCK_BYTES = 1 << 20 };

/* At the beginning of its own pages. */
struct block {
	struct block *before;
	struct pages pages;
};

static struct {
	struct block *last;
	size_t used; /* of the last block */
} room;

static int add_block(size_t n)
{
	struct err e = { 0 };
	struct pages g;
	if (pages_map(&g, n > BLOCK_BYTES ? n : BLOCK_BYTES, &e) < 0)
		return -1;
	struct block *b = (struct block *)(void *)g.p;
	*b = (struct block){ .before = room.last, .pages = g };
	room.last = b;
	room.used = sizeof *b;
	return 0;
}

static size_t aligned(size_t n)
{
	size_t align = alignof(max_align_t);
	return (n + align - 1) / align * align;
}

static void *take(size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	n = aligned(n ? n : 1);
	if ((!room.last || n > room.last->pages.size - room.used) &&
	    add_block(n + sizeof(struct block)) < 0)
		return NULL;
	void *p = room.last->pages.p + room.used;
	room.used += n;
	return p;
}

static void leave_it(void *p)
{
	(void)p;
}

void json_room_enter(void)
{
	json_set_alloc_funcs(take, leave_it);
}

void json_room_leave(void)
{
	while (room.last) {
		struct pages g = room.last->pages;
		room.last = room.last->before;
		pages_done(&g);
	}
	json_set_alloc_funcs(malloc, free);
}
#endif
