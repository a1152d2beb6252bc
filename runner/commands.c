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
static const struct command_option shown_payload_option = {
	.name = "payload",
	.letter = 'p',
	.arg = "FILE",
	.help = "of a job in the server's wire format: its rights; - is standard input",
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
static const struct command_option context_option = {
	.name = "context",
	.letter = 'x',
	.arg = "FILE",
	.help = "the contexts, a JSON object: {\"github\": {...}, ...}; - is standard input",
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
	.help = "all of it as man, bash, zsh or fish; yaml: the configuration's manual",
};

static const struct command_option config_option = {
	.name = "config",
	.letter = 'c',
	.arg = "FILE",
	.env = "COURSER_CONFIG",
	.help = "the configuration; default /etc/courser/config.yaml for root, else "
		"$XDG_CONFIG_HOME/courser/config.yaml",
};
static const struct command_option override_option = {
	.name = "override",
	.letter = 'o',
	.arg = "KEY=VALUE",
	.flags = COMMAND_REPEATABLE,
	.help = "outweigh a key of the configuration",
};

static const struct command_option exec_config_option = {
	.name = "config",
	.letter = 'c',
	.arg = "FILE",
	.help = "a configuration whose first registration says how the job runs; none: the defaults",
};
static const struct command_option url_option = {
	.name = "url",
	.letter = 'u',
	.arg = "URL",
	.flags = COMMAND_REQUIRED,
	.help = "the coordinator",
};
static const struct command_option token_option = {
	.name = "token-file",
	.letter = 't',
	.arg = "FILE",
	.flags = COMMAND_REQUIRED,
	.help = "where the token is; - is standard input; a bare name may be a systemd credential",
};
static const struct command_option forge_option = {
	.name = "forge",
	.arg = "KIND",
	.help = "what kind of coordinator it is: gitlab, gitea or forgejo; default: gitlab",
};
static const struct command_option labels_option = {
	.name = "labels",
	.arg = "A,B",
	.help = "gitea, forgejo: what workflows name in runs-on, each NAME, NAME:host or NAME:docker://IMAGE",
};
static const struct command_option ephemeral_option = {
	.name = "ephemeral",
	.help = "gitea, forgejo: for one job; the server deletes the runner after it",
};
static const struct command_option offline_option = {
	.name = "offline",
	.help = "forgejo: the token file holds the secret of an offline registration",
};
static const struct command_option name_option = {
	.name = "name",
	.letter = 'n',
	.arg = "NAME",
	.help = "the registration of that name",
};
static const struct command_option new_name_option = {
	.name = "name",
	.letter = 'n',
	.arg = "NAME",
	.help = "what it is called here; default: the host's name",
};
static const struct command_option all_option = {
	.name = "all",
	.help = "every registration",
};
static const struct command_option description_option = {
	.name = "description",
	.arg = "TEXT",
	.help = "legacy tokens: what it is called there",
};
static const struct command_option tags_option = {
	.name = "tags",
	.arg = "A,B",
	.help = "legacy tokens: its tags",
};
static const struct command_option untagged_option = {
	.name = "run-untagged",
	.help = "legacy tokens: take jobs without tags too",
};
static const struct command_option locked_option = {
	.name = "locked",
	.help = "legacy tokens: for its project only",
};
static const struct command_option paused_option = {
	.name = "paused",
	.help = "legacy tokens: begin paused",
};
static const struct command_option access_option = {
	.name = "access-level",
	.arg = "LEVEL",
	.help = "legacy tokens: not_protected or ref_protected",
};
static const struct command_option timeout_option = {
	.name = "maximum-timeout",
	.arg = "TIME",
	.help = "legacy tokens: no job may take longer",
};
static const struct command_option ca_option = {
	.name = "tls-ca-file",
	.arg = "FILE",
	.help = "who vouches for the coordinator",
};
static const struct command_option cert_option = {
	.name = "tls-cert-file",
	.arg = "FILE",
	.help = "our certificate",
};
static const struct command_option key_option = {
	.name = "tls-key-file",
	.arg = "FILE",
	.help = "our certificate's key",
};
static const struct command_option proxy_option = {
	.name = "proxy",
	.arg = "URL",
	.help = "the way to the coordinator",
};

/* --- verbs -------------------------------------------------------------------------------------- */

static const struct command verbs[] = {
	{
		.name = "run",
		.help = "Run the daemon: ask for jobs and run them",
		.more = "SIGTERM drains: no new jobs, running ones end first; a second one interrupts "
			"them. SIGHUP reads the configuration again.",
		.options = { &config_option, &state_option, &override_option },
		.run = cmd_run,
	},
	{
		.name = "register",
		.help = "Check a token with its coordinator and add a registration",
		.more = "The configuration is edited in place; what else is in it stays as it is.",
		.options = { &url_option,    &token_option,       &forge_option,   &new_name_option,
			     &labels_option, &ephemeral_option,   &offline_option, &config_option,
			     &state_option,  &ca_option,          &cert_option,    &key_option,
			     &proxy_option,  &description_option, &tags_option,    &untagged_option,
			     &locked_option, &paused_option,      &access_option,  &timeout_option },
		.run = cmd_register,
	},
	{
		.name = "verify",
		.help = "Ask the coordinators whether the tokens are valid",
		.more = "Exit status: 0 all are, 1 one is not, 75 a coordinator cannot be asked.",
		.options = { &config_option, &state_option, &name_option },
		.run = cmd_verify,
	},
	{
		.name = "unregister",
		.help = "Take registrations back at their coordinators and out of the configuration",
		.more = "",
		.options = { &config_option, &state_option, &name_option, &all_option },
		.run = cmd_unregister,
	},
	{
		.name = "list",
		.help = "Show the registrations of the configuration, without their tokens",
		.more = "",
		.options = { &config_option, &json_option },
		.run = cmd_list,
	},
	{
		.name = "exec",
		.help = "Run one job from a file, with no coordinator and no daemon",
		.more = "The trace goes to standard output, as it would be sent. The first "
			"interrupt cancels the job and lets its after_script run, the second ends "
			"it. Exit status: 0 the job succeeded, 1 it failed, else it could not be "
			"run.",
		.options = { &payload_option, &result_option, &state_option, &exec_config_option,
			     &override_option },
		.run = cmd_exec,
	},
	{
		.name = "eval",
		.operand = "EXPRESSION",
		.operands_min = 1,
		.operands_max = 1,
		.help = "Evaluate an expression of a workflow and print its value as JSON",
		.more = "A text with a ${{ before any quote is evaluated as the workflow's own "
			"texts are. "
			"Contexts that the file does not have are null; status functions go "
			"by job.status, hashFiles cannot be called. Exit status: 0, 1 the "
			"expression is wrong (a caret shows where).",
		.options = { &context_option },
		.run = cmd_eval,
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
		.name = "doctor",
		.help = "Check whether this host can run jobs",
		.more = "A line a check: ok, warn (something degrades) or fail (no job can run). "
			"A sandbox is really made, the coordinators are really asked. Exit status: "
			"0 jobs can run, 69 they cannot.",
		.options = { &config_option, &state_option, &json_option },
		.run = cmd_doctor,
	},
	{
		.name = "policy",
		.operand = "explain",
		.operands_min = 1,
		.operands_max = 1,
		.help = "Show the effective rights of jobs on this host",
		.more = "For each registration, or the one that is named: ids, namespaces, network, files, "
			"capabilities, system calls, limits, and what holds them here. With --payload "
			"as that job has them: what decides about its profiles, which it has and why, "
			"and what each of them says. Nothing is changed.",
		.options = { &config_option, &name_option, &shown_payload_option },
		.run = cmd_policy,
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
