/* One member of a gzip file, with the name of what is in it (zlib). */
#ifndef EXECUTOR_GZIP_H
#define EXECUTOR_GZIP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct gzip;
struct archive_sink;

/* path: its last name goes into the header. level: 1-9. sink is borrowed. NULL with e set. */
struct gzip *gzip_new(const char *path, int level, const struct archive_sink *sink, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int gzip_write(struct gzip *z, const void *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The end of the member. */
int gzip_end(struct gzip *z, struct err *e) __attribute__((nonnull, warn_unused_result));
void gzip_free(struct gzip *z);

/* Whether deflating makes the n bytes noticeably smaller. */
bool gzip_helps(const void *p, size_t n) __attribute__((nonnull));

#endif
