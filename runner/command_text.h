/* Text that is put together of many pieces: the first failure is kept, and asked for once. */
#ifndef RUNNER_COMMAND_TEXT_H
#define RUNNER_COMMAND_TEXT_H

#include "base/buf.h"

#include <stdbool.h>

struct command_text {
	struct buf *out;
	struct err *e;
	bool bad;
};

/* Append formatted text, at most 2 KiB; nothing once it has failed. */
void command_say(struct command_text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull));
void command_say_char(struct command_text *t, char c) __attribute__((nonnull));

/* A text in mdoc, wrapped, a sentence a line: a backslash is no escape, a leading '.' or '\'' no
 * macro. No newline at its end. */
void command_say_mdoc(struct command_text *t, const char *s) __attribute__((nonnull));

/* 0, or -1 when a piece did not fit. */
int command_said(const struct command_text *t) __attribute__((nonnull, warn_unused_result));

#endif
