/* What `shell:` means: the command that runs a step's script. Pure. */
#ifndef EXECUTOR_SHELL_ROW_H
#define EXECUTOR_SHELL_ROW_H

#include "base/arena.h"

#include <stdbool.h>

enum { SHELL_ARGS = 32 };

struct shell_row {
	const char *name;
	const char *argv[SHELL_ARGS + 1]; /* ended by NULL; "{0}" in one is the script's path */
	const char *shown;
	const char *suffix;         /* of the script's file */
	const char *before, *after; /* what the script gets in front and behind */
};

/* "" the usual one, on the host or in an image (where bash may be missing); a name; or a template with {0}.
 * -1: it is none of them. */
int shell_find(const char *name, bool image, struct arena *a, struct shell_row *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
