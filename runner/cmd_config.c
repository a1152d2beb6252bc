#include "runner/cmd_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ERRORS_BYTES = 256 << 10 };

const char *cmd_config_path(const struct command_line *l, struct arena *a, struct err *e)
{
	const char *given = command_value(l, "config");
	return given ? given : config_default_path(a, e);
}

static void show(const struct config_errors *all, const char *path)
{
	autobuf text = BUF(ERRORS_BYTES);
	struct err e = { 0 };
	if (all->n && config_errors_text(all, path, &text, &e) == 0)
		fputs(buf_cstr(&text), stderr);
}

const struct config *cmd_config_load(const char *path, bool absent, struct arena *a, struct err *e)
{
	const struct config_source nothing = { path, "", 0, NULL };
	struct config_errors *errors = calloc(1, sizeof *errors);
	const struct config *c = NULL;
	if (!errors)
		err_set(e, ENOMEM, "out of memory");
	else if (absent && access(path, F_OK) < 0 && errno == ENOENT)
		c = config_parse(&nothing, a, errors, e);
	else
		c = config_load(path, NULL, a, errors, e);
	if (!c && errors)
		show(errors, path);
	free(errors);
	return c;
}
