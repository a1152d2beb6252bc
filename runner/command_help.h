/* What --help shows, from the table. */
#ifndef RUNNER_COMMAND_HELP_H
#define RUNNER_COMMAND_HELP_H

#include "base/buf.h"
#include "runner/command.h"

/* The program's own: its verbs, a line each. */
int command_help_program(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A verb's: usage, what it does, its options. */
int command_help_verb(const struct program *p, const struct command *c, struct buf *out,
		      struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
