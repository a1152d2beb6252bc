/* The table as completions of shells. */
#ifndef RUNNER_COMMAND_COMPLETE_H
#define RUNNER_COMMAND_COMPLETE_H

#include "base/buf.h"
#include "runner/command.h"

int command_complete_bash(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int command_complete_zsh(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int command_complete_fish(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
