/* The command courser: its verbs and their options. */
#ifndef RUNNER_COMMANDS_H
#define RUNNER_COMMANDS_H

#include "runner/command.h"

extern const struct program commands_courser;

#endif
