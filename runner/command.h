/*
 * The command line as one table of verbs and their options: parsing, --help, usage errors, the man
 * page and the completions all come from it.
 *
 * GNU conventions: --name=value and --name value, -x value and -xvalue, options and operands in any
 * order, "--" ends the options, "-" is an operand or a value like any other.
 */
#ifndef RUNNER_COMMAND_H
#define RUNNER_COMMAND_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum command_flag {
	COMMAND_REQUIRED = 1,
	COMMAND_REPEATABLE = 2,
};

struct command_option {
	const char *name; /* without its dashes */
	char letter;      /* '\0' none */
	const char *arg;  /* name of its value; NULL: a flag */
	unsigned flags;
	const char *env;  /* environment variable that stands in for it; NULL none */
	const char *help; /* one line, no full stop */
};

enum { COMMAND_OPTIONS = 24 };

struct command_line;

struct command {
	const char *name;
	const char *operand; /* name of its operands; NULL: takes none */
	size_t operands_min, operands_max;
	const char *help; /* one line, no full stop */
	const char *more; /* sentences for its --help and man page; "" none */
	bool hidden;      /* not listed */
	const struct command_option *options[COMMAND_OPTIONS]; /* ended by NULL */
	/* The exit status; what is in e then is printed as the error. */
	int (*run)(const struct command_line *l, struct err *e);
};

struct program {
	const char *name, *help;
	const struct command *commands;
	size_t ncommands;
};

/* The values that one option was given. */
struct command_given {
	const char **values;
	size_t n;
};

/* A command line as it was understood. All memory is the arena's, and argv's. */
struct command_line {
	const struct program *program;
	const struct command *command; /* NULL: only with help or version */
	bool help, version;
	struct command_given given[COMMAND_OPTIONS]; /* as command->options */
	const char **operands;
	size_t noperands;
};

/* Understand argv[1..argc) as a line of l->program. -1: a usage error, with what is nearest to a word
 * that is not known; l->command is set as far as it was understood. */
int command_parse(struct command_line *l, int argc, char **argv, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The value of the option `name` of the line's command, else of its variable; NULL when there is
 * none. The name must be one of the command's. */
const char *command_value(const struct command_line *l, const char *name) __attribute__((nonnull));
/* Whether the flag was given. */
bool command_has(const struct command_line *l, const char *name) __attribute__((nonnull));
/* All values of a repeatable option. */
const struct command_given *command_values(const struct command_line *l, const char *name)
	__attribute__((nonnull, returns_nonnull));

/* The verb of that name, NULL when there is none. */
const struct command *command_find(const struct program *p, const char *name)
	__attribute__((nonnull));

#endif
