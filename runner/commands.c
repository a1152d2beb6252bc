#include "runner/commands.h"

#include "runner/cmd.h"

/* --- options ------------------------------------------------------------------------------------ */

static const struct command_option state_option = {
	.name = "state",
	.letter = 's',
	.arg = "DIR",
	.env = "COURSER_STATE",
	.help = "the state directory; default /var/lib/courser for root, else "
		"$XDG_STATE_HOME/courser",
};
static const struct command_option json_option = {
	.name = "json",
	.help = "print JSON, one object a line",
};
static const struct command_option payload_option = {
	.name = "payload",
	.letter = 'p',
	.arg = "FILE",
	.flags = COMMAND_REQUIRED,
	.help = "the job, in the wire format of jobs/request; - is standard input",
};
static const struct command_option result_option = {
	.name = "result",
	.letter = 'r',
	.arg = "FILE",
	.help = "where the result goes, as JSON",
};
static const struct command_option secrets_option = {
	.name = "secrets",
	.arg = "FILE",
	.flags = COMMAND_REQUIRED,
	.help = "what to mask: a JSON array of strings",
};
static const struct command_option all_jobs_option = {
	.name = "all",
	.help = "every job that runs",
};
static const struct command_option abort_option = {
	.name = "abort",
	.help = "end it at once: no after_script, no patience",
};
static const struct command_option format_option = {
	.name = "format",
	.arg = "FORMAT",
	.help = "all of it as man, bash, zsh or fish",
};

static const struct command_option config_option = {
	.name = "config",
	.arg = "FILE",
	.help = "the configuration; default: /etc/courser/config.yaml, for a user the XDG place",
};
static const struct command_option override_option = {
	.name = "override",
	.letter = 'o',
	.arg = "KEY=VALUE",
	.flags = COMMAND_REPEATABLE,
	.help = "outweigh a key of the configuration",
};

/* --- verbs -------------------------------------------------------------------------------------- */

static const struct command verbs[] = {
	{
		.name = "exec",
		.help = "Run one job from a file, with no coordinator and no daemon",
		.more = "The trace goes to standard output, as it would be sent. The first "
			"interrupt cancels the job and lets its after_script run, the second ends "
			"it. Exit status: 0 the job succeeded, 1 it failed, else it could not be "
			"run.",
		.options = { &payload_option, &result_option, &state_option },
		.run = cmd_exec,
	},
	{
		.name = "run",
		.help = "Run the daemon: ask for jobs and run them",
		.more = "SIGTERM drains: no new jobs, running ones end first; a second one interrupts "
			"them. SIGHUP reads the configuration again.",
		.options = { &config_option, &state_option, &override_option },
		.run = cmd_run,
	},
	{
		.name = "status",
		.help = "Show what the daemon is doing",
		.more = "",
		.options = { &state_option, &json_option },
		.run = cmd_status,
	},
	{
		.name = "cancel",
		.operand = "JOB",
		.operands_max = 1,
		.help = "Cancel a job of the daemon, by its number",
		.more = "The job's after_script still runs, unless --abort is given.",
		.options = { &state_option, &all_jobs_option, &abort_option },
		.run = cmd_cancel,
	},
	{
		.name = "redact",
		.help = "Mask standard input to standard output as a job's log is masked",
		.more = "",
		.options = { &secrets_option },
		.run = cmd_redact,
	},
	{
		.name = "version",
		.help = "Show the version",
		.more = "",
		.run = cmd_version,
	},
	{
		.name = "help",
		.operand = "COMMAND",
		.operands_max = 1,
		.help = "Show what a command does",
		.more = "",
		.hidden = true,
		.options = { &format_option },
		.run = cmd_help,
	},
};

const struct program commands_courser = {
	.name = "courser",
	.help = "A self-hosted CI job runner for Linux",
	.commands = verbs,
	.ncommands = sizeof verbs / sizeof *verbs,
};
