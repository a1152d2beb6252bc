/* What is wrong with a configuration: all of it, each with its place. */
#ifndef RUNNER_CONFIG_ERROR_H
#define RUNNER_CONFIG_ERROR_H

#include "base/buf.h"

#include <stddef.h>

enum { CONFIG_ERRORS_MAX = 50, CONFIG_ERROR_TEXT = 256 };

/* line 0: not of the file but of an override; text says which. */
struct config_error {
	unsigned line, col;
	char text[CONFIG_ERROR_TEXT];
};

/* Starts zeroed. n counts all; the first CONFIG_ERRORS_MAX are kept. */
struct config_errors {
	struct config_error list[CONFIG_ERRORS_MAX];
	size_t n;
};

void config_error(struct config_errors *all, unsigned line, unsigned col, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), nonnull(1, 4)));

/* "config.yaml:12:7: unknown key …", a line each, appended to out; overrides as "-o …: …". */
int config_errors_text(const struct config_errors *all, const char *path, struct buf *out,
		       struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
