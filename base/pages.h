/* Memory straight from the kernel, given back as a whole: for what is large and does not stay. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include "base/err.h"

#include <stddef.h>

/* p is NULL while nothing is mapped. */
struct pages {
	char *p;
	size_t size; /* bytes, as asked for */
};

/* size zeroed bytes; each page costs memory from its first touch on. -1 with e set, *g is empty then. */
int pages_map(struct pages *g, size_t size, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What the file holds now, as a private copy: of pages that are written to. Nobody may make the file
 * shorter meanwhile. An empty file is no memory and no error. */
int pages_map_file(struct pages *g, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The content is not needed any more: zeroed, and without cost until it is touched again. Anonymous
 * memory only. */
void pages_drop(struct pages *g) __attribute__((nonnull));

/* Give it back; again is harmless. */
void pages_done(struct pages *g) __attribute__((nonnull));
#define autopages __attribute__((cleanup(pages_done))) struct pages

#endif
