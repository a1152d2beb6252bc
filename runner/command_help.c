#include "runner/command_help.h"

#include "runner/command_text.h"

#include <stdio.h>
#include <string.h>

enum { VERB_COLUMN = 14, OPTION_COLUMN = 30, WIDTH = 79 };

static void usage(const struct command *c, struct command_text *t)
{
	command_say(t, "%s%s", c->name, c->options[0] ? " [OPTION]..." : "");
	if (c->operand)
		command_say(t, c->operands_min ? " %s%s" : " [%s]%s", c->operand,
			    c->operands_max > 1 ? "..." : "");
}

int command_help_program(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(&t, "Usage: %s COMMAND [OPTION]...\n%s.\n\nCommands:\n", p->name, p->help);
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			command_say(&t, "  %-*s%s\n", VERB_COLUMN, p->commands[i].name,
				    p->commands[i].help);
	command_say(&t,
		    "\n\"%s COMMAND --help\" shows a command's options; \"%s --version\" the "
		    "version.\n",
		    p->name, p->name);
	return command_said(&t);
}

/* Words of text, wrapped, each line led by indent spaces; the first is there already. */
static void wrapped(const char *text, int indent, struct command_text *t)
{
	int at = indent;
	for (const char *s = text; *s;) {
		int n = (int)strcspn(s, " ");
		if (at != indent && at + 1 + n > WIDTH) {
			command_say(t, "\n%*s", indent, "");
			at = indent;
		}
		command_say(t, "%s%.*s", at == indent ? "" : " ", n, s);
		at += n + (at != indent);
		s += n + (s[n] == ' ');
	}
	command_say(t, "\n");
}

static void what_it_does(const struct command_option *o, char *out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s", o->help,
			 o->flags & COMMAND_REQUIRED ? " (required)" : "",
			 o->flags & COMMAND_REPEATABLE ? " (may be repeated)" : "");
	if (o->env && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, " [$%s]", o->env);
}

static void option_line(const struct command_option *o, struct command_text *t)
{
	char letter[8] = "   ", left[80], right[512];
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c,", o->letter);
	snprintf(left, sizeof left, "  %s --%s%s%s", letter, o->name, o->arg ? "=" : "",
		 o->arg ? o->arg : "");
	what_it_does(o, right, sizeof right);
	if (strlen(left) + 2 > OPTION_COLUMN)
		command_say(t, "%s\n%*s", left, OPTION_COLUMN, "");
	else
		command_say(t, "%-*s", OPTION_COLUMN, left);
	wrapped(right, OPTION_COLUMN, t);
}

static const struct command_option help_option = {
	.name = "help",
	.letter = 'h',
	.help = "show this and exit",
};

int command_help_verb(const struct program *p, const struct command *c, struct buf *out,
		      struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(&t, "Usage: %s ", p->name);
	usage(c, &t);
	command_say(&t, "\n%s.\n", c->help);
	if (c->more[0]) {
		command_say(&t, "\n");
		wrapped(c->more, 0, &t);
	}
	command_say(&t, "\nOptions:\n");
	for (size_t i = 0; i < COMMAND_OPTIONS && c->options[i]; i++)
		option_line(c->options[i], &t);
	option_line(&help_option, &t);
	return command_said(&t);
}
