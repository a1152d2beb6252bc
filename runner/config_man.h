/* The table of the configuration's keys as a man page, courser.yaml(5). */
#ifndef RUNNER_CONFIG_MAN_H
#define RUNNER_CONFIG_MAN_H

#include "base/buf.h"

struct program;

/* In mdoc. p is not looked at: the form is that of the command's other texts. */
int config_man(const struct program *p, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
