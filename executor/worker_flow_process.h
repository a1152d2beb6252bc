/* A process of a workflow's step: what it gets from the runner, what it says to it. */
#ifndef EXECUTOR_WORKER_FLOW_PROCESS_H
#define EXECUTOR_WORKER_FLOW_PROCESS_H

#include "executor/worker_flow.h"
#include "executor/workflow_command.h"

/* A process of a step: its files of the runner's are made before and read after it. */
struct flow_command {
	const char *const *argv; /* ended by NULL; "{0}" is the script */
	const char *script;      /* NULL none */
	const char *suffix;      /* of the script's file: ".py", "" */
	const char *cwd;
	const char *hint; /* behind the words, when it could not be started; NULL none */
	bool bare;        /* what GITHUB_PATH says is not for it */
};
/* 0: it ran or could not be started; see s->end. -1: the machine failed. */
int flow_process(struct flow_step *s, const struct flow_command *c, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What a process says in its output (worker_flow_commands.c). */
struct flow_commands {
	struct flow_step *s;
	struct workflow_commands parse;
	struct arena lines; /* of one command */
	struct output_reader reader;
};
void flow_commands_init(struct flow_commands *c, struct flow_step *s) __attribute__((nonnull));
void flow_commands_done(struct flow_commands *c) __attribute__((nonnull));

/* GITHUB_ENV and its kin (worker_flow_state.c): fresh files for a process, and what it wrote. */
int flow_state_begin(struct flow_step *s, struct err *e)
	__attribute__((nonnull, warn_unused_result));
int flow_state_end(struct flow_step *s, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
