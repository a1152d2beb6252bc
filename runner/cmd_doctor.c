/* courser doctor. */
#include "runner/cmd.h"
#include "runner/cmd_config.h"
#include "runner/doctor.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { LINE = 4096 };

static void print_line(void *arg, const char *name, enum doctor_level level, const char *text)
{
	(void)arg;
	printf("%-5s %-10s %s\n", doctor_level_name(level), name, text);
	fflush(stdout);
}

static void print_json(void *arg, const char *name, enum doctor_level level, const char *text)
{
	autobuf b = BUF(LINE);
	struct err e = { 0 };
	(void)arg;
	if (buf_printf(&b, &e, "{\"check\": \"%s\", \"level\": \"%s\", \"text\": ", name,
		       doctor_level_name(level)) == 0 &&
	    str_json(&b, text, strlen(text), &e) == 0)
		printf("%s}\n", buf_cstr(&b));
	fflush(stdout);
}

int cmd_doctor(const struct command_line *l, struct err *e)
{
	struct arena a = CMD_CONFIG_ARENA;
	autobuf state = BUF(LINE);
	struct err wrong = { 0 };
	struct doctor d = {
		.found = command_has(l, "json") ? print_json : print_line,
		.config_path = cmd_config_path(l, &a, e),
		.state = command_value(l, "state"),
	};
	if (d.config_path)
		d.config = cmd_config_load(d.config_path, command_value(l, "config") == NULL, &a,
					   &wrong);
	d.config_error = wrong.msg;
	if (!d.state && d.config)
		d.state = d.config->state_dir;
	int status = EX_OK;
	if (!d.config_path || (!d.state && cmd_state(l, &state, e) < 0))
		status = EX_OSERR;
	if (!d.state)
		d.state = buf_cstr(&state);
	if (status == EX_OK)
		doctor_examine(&d);
	arena_done(&a);
	return d.worst == DOCTOR_FAIL ? EX_UNAVAILABLE : status;
}
