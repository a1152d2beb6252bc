#include "runner/command_complete.h"

#include "runner/command_text.h"

#include <stdbool.h>
#include <string.h>

static bool is_path(const struct command_option *o)
{
	return o->arg && (strcmp(o->arg, "FILE") == 0 || strcmp(o->arg, "DIR") == 0);
}

/* A text in single quotes. */
static void quoted(const char *s, struct command_text *t)
{
	command_say_char(t, '\'');
	for (; *s; s++)
		if (*s == '\'')
			command_say(t, "'\\''");
		else
			command_say_char(t, *s);
	command_say_char(t, '\'');
}

/* --- bash --------------------------------------------------------------------------------------- */

static void bash_verb(const struct command *c, struct command_text *t)
{
	command_say(t, "\t%s) words='", c->name);
	for (size_t i = 0; i < COMMAND_OPTIONS && c->options[i]; i++)
		command_say(t, "--%s ", c->options[i]->name);
	command_say(t, "--help' ;;\n");
}

int command_complete_bash(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(
		&t,
		"# Generated: %s help --format=bash\n"
		"# shellcheck shell=bash disable=SC2207\n"
		"_%s() {\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
		"\tif ((COMP_CWORD == 1)); then\n"
		"\t\tCOMPREPLY=($(compgen -W '",
		p->name, p->name);
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			command_say(&t, "%s ", p->commands[i].name);
	command_say(&t, "--help --version' -- \"$word\"))\n"
			"\t\treturn\n"
			"\tfi\n"
			"\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			bash_verb(&p->commands[i], &t);
	command_say(&t,
		    "\tesac\n"
		    "\tif [[ $word == -* ]]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
		    "\telif [[ $before == -* || $before == '=' ]]; then\n"
		    "\t\tCOMPREPLY=($(compgen -f -- \"${word#=}\"))\n"
		    "\tfi\n"
		    "}\n"
		    "complete -o filenames -F _%s %s\n",
		    p->name, p->name);
	return command_said(&t);
}

/* --- zsh ---------------------------------------------------------------------------------------- */

/* In a specification brackets and colons of the text are its syntax. */
static void zsh_text(const char *s, struct command_text *t)
{
	for (; *s; s++) {
		if (strchr("[]:\\", *s))
			command_say_char(t, '\\');
		if (*s == '\'')
			command_say(t, "'\\''");
		else
			command_say_char(t, *s);
	}
}

static void zsh_option(const struct command_option *o, struct command_text *t)
{
	const char *paths = o->arg && strcmp(o->arg, "DIR") == 0 ? "_files -/" : "_files";
	command_say(t, " \\\n\t\t\t'%s--%s%s[", o->flags & COMMAND_REPEATABLE ? "*" : "", o->name,
		    o->arg ? "=" : "");
	zsh_text(o->help, t);
	if (o->arg)
		command_say(t, "]:%s:%s'", o->arg, is_path(o) ? paths : " ");
	else
		command_say(t, "]'");
}

static void zsh_verb(const struct command *c, struct command_text *t)
{
	command_say(t, "\t%s)\n\t\t_arguments", c->name);
	for (size_t i = 0; i < COMMAND_OPTIONS && c->options[i]; i++)
		zsh_option(c->options[i], t);
	command_say(t, " \\\n\t\t\t'--help[show this and exit]'\n\t\t;;\n");
}

int command_complete_zsh(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(&t,
		    "#compdef %s\n"
		    "# Generated: %s help --format=zsh\n"
		    "if ((CURRENT == 2)); then\n"
		    "\tlocal -a verbs=(\n",
		    p->name, p->name);
	for (size_t i = 0; i < p->ncommands; i++) {
		if (p->commands[i].hidden)
			continue;
		command_say(&t, "\t\t'%s:", p->commands[i].name);
		zsh_text(p->commands[i].help, &t);
		command_say(&t, "'\n");
	}
	command_say(&t, "\t)\n"
			"\t_describe command verbs\n"
			"\treturn\n"
			"fi\n"
			"local verb=${words[2]}\n"
			"shift words\n"
			"((CURRENT--))\n"
			"case $verb in\n");
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			zsh_verb(&p->commands[i], &t);
	command_say(&t, "esac\n");
	return command_said(&t);
}

/* --- fish --------------------------------------------------------------------------------------- */

static void fish_option(const struct program *p, const struct command *c,
			const struct command_option *o, struct command_text *t)
{
	command_say(t, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s", p->name, c->name,
		    o->name);
	if (o->letter)
		command_say(t, " -s %c", o->letter);
	command_say(t, "%s%s -d ", o->arg ? " -r" : "", is_path(o) ? " -F" : "");
	quoted(o->help, t);
	command_say(t, "\n");
}

static void fish_verb(const struct program *p, const struct command *c, struct command_text *t)
{
	command_say(t, "complete -c %s -n __fish_use_subcommand -a %s -d ", p->name, c->name);
	quoted(c->help, t);
	command_say(t, "\n");
	for (size_t i = 0; i < COMMAND_OPTIONS && c->options[i]; i++)
		fish_option(p, c, c->options[i], t);
}

int command_complete_fish(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	command_say(&t,
		    "# Generated: %s help --format=fish\n"
		    "complete -c %s -f\n"
		    "complete -c %s -l help -d 'show this and exit'\n"
		    "complete -c %s -n __fish_use_subcommand -l version -d 'show the version'\n",
		    p->name, p->name, p->name, p->name);
	for (size_t i = 0; i < p->ncommands; i++)
		if (!p->commands[i].hidden)
			fish_verb(p, &p->commands[i], &t);
	return command_said(&t);
}
