/* courser: the command. */
#include "base/log.h"
#include "runner/cmd.h"
#include "runner/command_help.h"
#include "runner/commands.h"

#include <stdio.h>
#include <sysexits.h>

enum { LINE_BYTES = 4 << 20, HELP_BYTES = 64 << 10 };

static int show_help(const struct command_line *l, struct err *e)
{
	autobuf out = BUF(HELP_BYTES);
	int r = l->command ? command_help_verb(l->program, l->command, &out, e)
			   : command_help_program(l->program, &out, e);
	return r < 0 ? EX_SOFTWARE : cmd_print(&out, e);
}

static int perform(const struct command_line *l, struct err *e)
{
	if (l->help)
		return show_help(l, e);
	return l->version ? cmd_version(l, e) : l->command->run(l, e);
}

int main(int argc, char **argv)
{
	struct arena a = ARENA(LINE_BYTES);
	struct command_line l = { .program = &commands_courser };
	struct err e = { 0 };
	int status = EX_USAGE;
	log_setup("courser");
	if (command_parse(&l, argc, argv, &a, &e) == 0)
		status = perform(&l, &e);
	if (e.code)
		fprintf(stderr, "courser: error: %s\n", e.msg);
	if (status == EX_USAGE)
		fprintf(stderr, "Try \"courser %s%s--help\".\n", l.command ? l.command->name : "",
			l.command ? " " : "");
	arena_done(&a);
	return status;
}
