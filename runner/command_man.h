/* The table as a man page, courser(1). */
#ifndef RUNNER_COMMAND_MAN_H
#define RUNNER_COMMAND_MAN_H

#include "base/buf.h"
#include "runner/command.h"

/* In mdoc. */
int command_man(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
