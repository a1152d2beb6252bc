/* help, version, and what the other verbs print with. */
#include "runner/cmd.h"
#include "runner/command_complete.h"
#include "runner/command_help.h"
#include "runner/command_man.h"

#include "base/fd.h"
#include "base/str.h"
#include "runner/config_man.h"
#include "runner/state.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

enum { TEXT_BYTES = 256 << 10 };

int cmd_print(const struct buf *b, struct err *e)
{
	if (fd_write_all(STDOUT_FILENO, buf_cstr(b), b->len, e) == 0)
		return EX_OK;
	err_wrap(e, "standard output");
	return EX_IOERR;
}

int cmd_state(const struct command_line *l, struct buf *out, struct err *e)
{
	const char *given = command_value(l, "state");
	return given ? buf_str(out, given, e) : state_default_path(out, e);
}

int cmd_version(const struct command_line *l, struct err *e)
{
	autobuf out = BUF(TEXT_BYTES);
	(void)l;
	if (buf_str(&out,
		    "courser " VERSION "\n"
		    "Copyright the courser authors. Licence: Apache-2.0.\n"
		    "There is no warranty, to the extent permitted by law.\n",
		    e) < 0)
		return EX_SOFTWARE;
	return cmd_print(&out, e);
}

struct format {
	const char *name;
	int (*write)(const struct program *p, struct buf *out, struct err *e);
};

static const struct format formats[] = {
	{ "man", command_man },
	{ "yaml", config_man },
	{ "bash", command_complete_bash },
	{ "zsh", command_complete_zsh },
	{ "fish", command_complete_fish },
};

static int print_format(const struct command_line *l, const char *name, struct err *e)
{
	autobuf out = BUF(TEXT_BYTES);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].write(l->program, &out, e) < 0 ? EX_SOFTWARE
									 : cmd_print(&out, e);
	err_set(e, EINVAL, "--format: %.40s is none of man, yaml, bash, zsh, fish", name);
	return EX_USAGE;
}

int cmd_help(const struct command_line *l, struct err *e)
{
	autobuf out = BUF(TEXT_BYTES);
	const char *format = command_value(l, "format");
	if (format)
		return print_format(l, format, e);
	if (l->noperands == 0)
		return command_help_program(l->program, &out, e) < 0 ? EX_SOFTWARE
								     : cmd_print(&out, e);
	const struct command *c = command_find(l->program, l->operands[0]);
	if (!c) {
		err_set(e, EINVAL, "%.80s: no such command", l->operands[0]);
		return EX_USAGE;
	}
	return command_help_verb(l->program, c, &out, e) < 0 ? EX_SOFTWARE : cmd_print(&out, e);
}
