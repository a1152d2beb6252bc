/*
 * Workflow commands: lines of a step's output that speak to the runner, "::name key=value,…::data" at
 * the line's beginning (blanks before it do not count) and the older "##[name key=value;…]data"
 * anywhere in it. Names of commands and of properties are the same in any case.
 */
#ifndef EXECUTOR_WORKFLOW_COMMAND_H
#define EXECUTOR_WORKFLOW_COMMAND_H

#include "base/arena.h"
#include "executor/annotation.h"

#include <stdbool.h>
#include <stddef.h>

enum workflow_verb {
	WORKFLOW_NONE, /* the line is output like any other */
	WORKFLOW_ADD_MASK,
	WORKFLOW_ADD_MATCHER,    /* data: a path */
	WORKFLOW_REMOVE_MATCHER, /* the property owner, or data: a path */
	WORKFLOW_DEBUG,
	WORKFLOW_NOTICE,
	WORKFLOW_WARNING,
	WORKFLOW_ERROR,
	WORKFLOW_GROUP,
	WORKFLOW_ENDGROUP,
	WORKFLOW_SET_OUTPUT, /* the property name */
	WORKFLOW_SAVE_STATE, /* the property name */
	WORKFLOW_SET_ENV,    /* the property name; only if unsecure commands are allowed */
	WORKFLOW_ADD_PATH,   /* the same */
	WORKFLOW_ECHO,
	WORKFLOW_STOP,
	WORKFLOW_RESUME,
};

enum { WORKFLOW_PROPERTIES = 16 };

struct workflow_property {
	const char *name, *value; /* unescaped */
};

/* What one line says. Texts are the arena's. */
struct workflow_command {
	enum workflow_verb verb;
	bool shown;       /* the line itself goes to the log too */
	const char *data; /* unescaped, n bytes and a '\0' */
	size_t n;
	struct workflow_property properties[WORKFLOW_PROPERTIES]; /* of one name, the last */
	size_t nproperties;
};

/* The reading of a step's output. Starts zeroed, but for its arena and the permissions; what its
 * commands change is below them. _done at the step's end. */
struct workflow_commands {
	struct arena *a;        /* for the texts of commands: the caller's, emptied when he likes */
	bool allow_unsecure;    /* ACTIONS_ALLOW_UNSECURE_COMMANDS */
	bool allow_weak_tokens; /* ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS */
	bool echo;
	char *stop; /* the token that commands wait for; NULL: they are read */
};

/*
 * Read line[0..n), without its end. 0: ret says what it is. -1: the line is a command that cannot be
 * carried out (ret->verb says which; the step fails with e, which quotes no data), or out of memory.
 * stop-commands, its end and echo are carried out here.
 */
int workflow_commands_take(struct workflow_commands *w, const char *line, size_t n,
			   struct workflow_command *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));
void workflow_commands_done(struct workflow_commands *w) __attribute__((nonnull));

/* The property's value, NULL when it is not there. */
const char *workflow_command_property(const struct workflow_command *c, const char *name)
	__attribute__((nonnull));

/* notice, warning and error as an annotation: lines and columns that contradict each other are left
 * out, as GitHub does. Texts are the command's. */
void workflow_command_annotation(const struct workflow_command *c, struct annotation *ret)
	__attribute__((nonnull));

/* What add-mask masks: all of its data, and each line of it without the white space around it. None:
 * it was blank. */
typedef int workflow_mask(void *arg, const char *s, size_t n, struct err *e);
int workflow_command_masks(const struct workflow_command *c, workflow_mask *add, void *arg,
			   struct err *e) __attribute__((nonnull(1, 2, 4), warn_unused_result));

#endif
