#include "base/rest.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The kernel keeps 1 MiB below a stack free of other mappings: a step of this size that begins inside the
 * stack ends there, too. */
enum { STEP = 128 << 10, STEPS = 64, MARGIN = 1024 };

/* What is below the frame of the only caller, and the call made from here, is dead. */
static __attribute__((noinline)) void release_stack(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - MARGIN) & ~(page - 1);
	for (int i = 0; i < STEPS; i++, end -= STEP)
		if (madvise((void *)(end - STEP), STEP, MADV_DONTNEED) < 0)
			return; /* it is no longer the stack */
}

void rest(void)
{
	malloc_trim(0);
	release_stack();
}
