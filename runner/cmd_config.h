/* The configuration, for verbs that read it. */
#ifndef RUNNER_CMD_CONFIG_H
#define RUNNER_CMD_CONFIG_H

#include "runner/command.h"
#include "runner/config.h"

/* --config, else the default path; NULL with e set. */
const char *cmd_config_path(const struct command_line *l, struct arena *a, struct err *e)
	__attribute__((nonnull));

/* Load it, with no overrides; absent: no file is as good as an empty one. NULL: what is wrong has been written to standard error, a line each;
 * exit with EX_CONFIG. */
const struct config *cmd_config_load(const char *path, bool absent, struct arena *a, struct err *e)
	__attribute__((nonnull));

/* The arena for it. */
#define CMD_CONFIG_ARENA ARENA(CONFIG_ARENA_MAX)

#endif
