#include "base/pages.h"

#include <sys/mman.h>
#include <sys/stat.h>

static int map(struct pages *g, size_t size, int flags, int fd, struct err *e)
{
	*g = (struct pages){ 0 };
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "memory");
	*g = (struct pages){ .p = p, .size = size };
	return 0;
}

int pages_map(struct pages *g, size_t size, struct err *e)
{
	return map(g, size, MAP_ANONYMOUS, -1, e);
}

int pages_map_file(struct pages *g, int fd, struct err *e)
{
	struct stat st;
	*g = (struct pages){ 0 };
	if (fstat(fd, &st) < 0)
		return err_sys(e, "read");
	return st.st_size <= 0 ? 0 : map(g, (size_t)st.st_size, 0, fd, e);
}

void pages_drop(struct pages *g)
{
	if (g->p)
		madvise(g->p, g->size, MADV_DONTNEED);
}

void pages_done(struct pages *g)
{
	if (g->p)
		munmap(g->p, g->size);
	*g = (struct pages){ 0 };
}
