/* What the verbs do: the run functions of the table in commands.c. Each returns an exit status of
 * <sysexits.h>; what is in e then is printed. */
#ifndef RUNNER_CMD_H
#define RUNNER_CMD_H

#include "base/buf.h"
#include "runner/command.h"

enum {
	CMD_JOB_FAILED = 1, /* exec: the job's own failure */
	CMD_EXPRESSION = 1, /* eval: the expression is wrong */
};

int cmd_cancel(const struct command_line *l, struct err *e);
int cmd_doctor(const struct command_line *l, struct err *e);
int cmd_eval(const struct command_line *l, struct err *e);
int cmd_exec(const struct command_line *l, struct err *e);
int cmd_help(const struct command_line *l, struct err *e);
int cmd_list(const struct command_line *l, struct err *e);
int cmd_policy(const struct command_line *l, struct err *e);
int cmd_redact(const struct command_line *l, struct err *e);
int cmd_run(const struct command_line *l, struct err *e);
int cmd_register(const struct command_line *l, struct err *e);
int cmd_status(const struct command_line *l, struct err *e);
int cmd_unregister(const struct command_line *l, struct err *e);
int cmd_verify(const struct command_line *l, struct err *e);
int cmd_version(const struct command_line *l, struct err *e);

/* Write b to standard output. EX_OK or EX_IOERR. */
int cmd_print(const struct buf *b, struct err *e) __attribute__((nonnull));

/* The state directory: --state, else the default, in out. */
int cmd_state(const struct command_line *l, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
