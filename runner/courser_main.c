/* courser: the command. */
#include "base/log.h"
#include "runner/cmd.h"
#include "runner/command_help.h"
#include "runner/commands.h"

#include <errno.h>
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

static int run_verb(int argc, char **argv)
{
	struct err e = { 0 };
	const char *overrides[64];
	struct supervisor_options o = { .overrides = overrides };
	log_setup("supervisor", LOG_INFO);
	for (int i = 2; i + 1 < argc && o.noverrides < 64; i += 2) {
		if (strcmp(argv[i], "--config") == 0)
			o.config_path = argv[i + 1];
		else if (strcmp(argv[i], "--state") == 0)
			o.state_dir = argv[i + 1];
		else if (strcmp(argv[i], "-o") == 0)
			overrides[o.noverrides++] = argv[i + 1];
		else
			return EXIT_USAGE;
	}
	if (!o.config_path)
		return EXIT_USAGE;
	if (supervisor_run(&o, &e) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "courser: error: %s\n", e.msg);
	return e.code == EINVAL ? EXIT_CONFIG : EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
	struct arena a = ARENA(LINE_BYTES);
	struct command_line l = { .program = &commands_courser };
	struct err e = { 0 };
	int status = EX_USAGE;
	log_setup("courser", LOG_INFO);
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
