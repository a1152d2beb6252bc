#include "runner/command_man.h"

#include "runner/command_text.h"

/* What is said besides the table. */
static const char head[] = ".\\\" Generated: courser help --format=man\n"
			   ".Dd November 24, 2026\n"
			   ".Dt COURSER 1\n"
			   ".Os\n"
			   ".Sh NAME\n"
			   ".Nm courser\n"
			   ".Nd self-hosted CI job runner for Linux\n"
			   ".Sh SYNOPSIS\n";

static const char description[] =
	".Sh DESCRIPTION\n"
	"A job is taken from a coordinator, its sources are cloned, its script runs in a\n"
	"sandbox without a container daemon, its output is masked and streamed back.\n"
	".Pp\n"
	"An option is written\n"
	".Fl -name Ns = Ns Ar VALUE\n"
	"or\n"
	".Fl -name Ar VALUE ;\n"
	"options and operands come in any order,\n"
	".Fl -\n"
	"ends the options.\n"
	"Every command has\n"
	".Fl -help .\n"
	".Sh COMMANDS\n";

static const char tail[] =
	".Sh EXIT STATUS\n"
	".Bl -tag -width Ds\n"
	".It 0\n"
	"It was done;\n"
	".Cm exec :\n"
	"the job succeeded.\n"
	".It 1\n"
	".Cm exec :\n"
	"the job failed;\n"
	".Cm verify :\n"
	"a token is not valid.\n"
	".It 64\n"
	"The command line is wrong.\n"
	".It 65, 66\n"
	"Input is malformed, or not there.\n"
	".It 69\n"
	"What was asked is not there: no daemon runs, a coordinator refuses, or jobs\n"
	"cannot run on this host.\n"
	".It 70, 71, 74, 77\n"
	"The program itself, the system, input and output, a permission.\n"
	".It 75\n"
	"A coordinator cannot be reached at the moment.\n"
	".It 78\n"
	"The configuration is wrong; each line says where.\n"
	".El\n"
	".Sh SEE ALSO\n"
	".Em courser.yaml Ns (5) ,\n"
	".Em courser Ns (8)\n";

static void option(const struct command_option *o, struct command_text *t)
{
	command_say(t, ".It ");
	if (o->letter)
		command_say(t, "Fl %c , ", o->letter);
	if (o->arg)
		command_say(t, "Fl -%s Ns = Ns Ar %s\n", o->name, o->arg);
	else
		command_say(t, "Fl -%s\n", o->name);
	command_say_mdoc(t, o->help);
	command_say(t, ".\n%s%s", o->flags & COMMAND_REQUIRED ? "Required.\n" : "",
		    o->flags & COMMAND_REPEATABLE ? "May be repeated.\n" : "");
	if (o->env)
		command_say(t, "Else\n.Ev %s .\n", o->env);
}

static void synopsis(const struct program *p, const struct command *c, struct command_text *t)
{
	command_say(t, ".Nm %s\n.Cm %s\n%s", p->name, c->name,
		    c->options[0] ? ".Op Ar OPTION ...\n" : "");
	if (c->operand)
		command_say(t, ".%s %s%s\n", c->operands_min ? "Ar" : "Op Ar", c->operand,
			    c->operands_max > 1 ? " ..." : "");
}

static void verb(const struct command *c, struct command_text *t)
{
	command_say(t, ".Ss %s%s%s\n", c->name, c->operand ? " " : "",
		    c->operand ? c->operand : "");
	command_say_mdoc(t, c->help);
	command_say(t, ".\n");
	command_say_mdoc(t, c->more);
	command_say(t, "%s", c->more[0] ? "\n" : "");
	if (!c->options[0])
		return;
	command_say(t, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < COMMAND_OPTIONS && c->options[i]; i++)
		option(c->options[i], t);
	command_say(t, ".El\n");
}

int command_man(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(&t, "%s", head);
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			synopsis(p, &p->commands[i], &t);
	command_say(&t, "%s", description);
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			verb(&p->commands[i], &t);
	command_say(&t, "%s", tail);
	return command_said(&t);
}
