#include "runner/command.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 64 };

struct parser {
	const struct program *program;
	char **argv;
	int argc, at;
	struct arena *arena;
	struct command_line *line;
};

static size_t option_count(const struct command *c)
{
	size_t n = 0;
	while (n < COMMAND_OPTIONS && c->options[n])
		n++;
	return n;
}

const struct command *command_find(const struct program *p, const char *name)
{
	for (size_t i = 0; i < p->ncommands; i++)
		if (strcmp(p->commands[i].name, name) == 0)
			return &p->commands[i];
	return NULL;
}

/* --- what is not known -------------------------------------------------------------------------- */

static int unknown_command(const struct parser *p, const char *word, struct err *e)
{
	const char *names[NAMES];
	size_t n = 0;
	for (size_t i = 0; i < p->program->ncommands && n < NAMES; i++)
		if (!p->program->commands[i].hidden)
			names[n++] = p->program->commands[i].name;
	const char *near = str_nearest(word, names, n);
	if (near)
		return err_set(e, EINVAL, "%.80s: no such command; did you mean \"%s\"?", word,
			       near);
	return err_set(e, EINVAL, "%.80s: no such command", word);
}

static int unknown_option(const struct command *c, const char *word, size_t n, struct err *e)
{
	const char *names[COMMAND_OPTIONS + 1];
	char copy[64];
	size_t count = option_count(c);
	for (size_t i = 0; i < count; i++)
		names[i] = c->options[i]->name;
	names[count] = "help";
	if (n >= sizeof copy)
		return err_set(e, EINVAL, "%.60s…: no such option of \"%s\"", word, c->name);
	memcpy(copy, word, n);
	copy[n] = '\0';
	const char *near = str_nearest(copy, names, count + 1);
	if (near)
		return err_set(e, EINVAL, "--%s: no such option of \"%s\"; did you mean \"--%s\"?",
			       copy, c->name, near);
	return err_set(e, EINVAL, "--%s: no such option of \"%s\"", copy, c->name);
}

/* --- parsing ------------------------------------------------------------------------------------ */

static int give(struct parser *p, size_t i, const char *value, struct err *e)
{
	const struct command_option *o = p->line->command->options[i];
	struct command_given *g = &p->line->given[i];
	if (g->n && !(o->flags & COMMAND_REPEATABLE))
		return err_set(e, EINVAL, "--%s: given more than once", o->name);
	if (!g->values)
		g->values = arena_array(p->arena, (size_t)p->argc, sizeof *g->values, e);
	if (!g->values)
		return -1;
	g->values[g->n++] = value;
	return 0;
}

/* The option's value: attached, or the next word. */
static int take_value(struct parser *p, size_t i, const char *attached, struct err *e)
{
	const struct command_option *o = p->line->command->options[i];
	if (!o->arg && attached)
		return err_set(e, EINVAL, "--%s: takes no value", o->name);
	if (!o->arg)
		return give(p, i, "", e);
	if (attached)
		return give(p, i, attached, e);
	if (p->at + 1 >= p->argc)
		return err_set(e, EINVAL, "--%s: needs a value, %s", o->name, o->arg);
	return give(p, i, p->argv[++p->at], e);
}

static int take_long(struct parser *p, const char *word, struct err *e)
{
	const struct command *c = p->line->command;
	size_t n = strcspn(word, "="), count = option_count(c);
	if (strcmp(word, "help") == 0) {
		p->line->help = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (strlen(c->options[i]->name) == n && memcmp(c->options[i]->name, word, n) == 0)
			return take_value(p, i, word[n] ? word + n + 1 : NULL, e);
	return unknown_option(c, word, n, e);
}

static int unknown_letter(const struct command *c, const char *word, struct err *e)
{
	return err_set(e, EINVAL, "-%.1s: no such option of \"%s\"",
		       str_is_printable(word, 1) ? word : "?", c->name);
}

static size_t letter_index(const struct command *c, char letter)
{
	size_t i = 0, count = option_count(c);
	while (i < count && c->options[i]->letter != letter)
		i++;
	return i;
}

/* "-abVALUE": flags, and at most one option with a value, which ends the word. */
static int take_letters(struct parser *p, const char *word, struct err *e)
{
	const struct command *c = p->line->command;
	for (; *word; word++) {
		size_t i = letter_index(c, *word);
		if (i < option_count(c) && c->options[i]->arg)
			return take_value(p, i, word[1] ? word + 1 : NULL, e);
		if (i < option_count(c)) {
			if (give(p, i, "", e) < 0)
				return -1;
		} else if (*word == 'h') {
			p->line->help = true;
		} else {
			return unknown_letter(c, word, e);
		}
	}
	return 0;
}

static int take_operand(struct parser *p, const char *word, struct err *e)
{
	struct command_line *l = p->line;
	if (l->noperands == l->command->operands_max)
		return err_set(e, EINVAL, "%.80s: one word too many for \"%s\"", word,
			       l->command->name);
	if (!l->operands)
		l->operands = arena_array(p->arena, (size_t)p->argc, sizeof *l->operands, e);
	if (!l->operands)
		return -1;
	l->operands[l->noperands++] = word;
	return 0;
}

static int take_words(struct parser *p, struct err *e)
{
	bool ended = false;
	for (; p->at < p->argc; p->at++) {
		const char *word = p->argv[p->at];
		int r;
		if (!ended && strcmp(word, "--") == 0) {
			ended = true;
			continue;
		}
		if (ended || word[0] != '-' || word[1] == '\0')
			r = take_operand(p, word, e);
		else if (word[1] == '-')
			r = take_long(p, word + 2, e);
		else
			r = take_letters(p, word + 1, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

static const char *from_environment(const struct command_option *o)
{
	const char *value = o->env ? getenv(o->env) : NULL;
	return value && value[0] ? value : NULL;
}

static int check_whole(const struct command_line *l, struct err *e)
{
	const struct command *c = l->command;
	for (size_t i = 0; i < option_count(c); i++)
		if (c->options[i]->flags & COMMAND_REQUIRED && !l->given[i].n &&
		    !from_environment(c->options[i]))
			return err_set(e, EINVAL, "\"%s\" needs --%s=%s", c->name,
				       c->options[i]->name, c->options[i]->arg);
	if (l->noperands < c->operands_min)
		return err_set(e, EINVAL, "\"%s\" needs %s", c->name, c->operand);
	return 0;
}

int command_parse(struct command_line *l, int argc, char **argv, struct arena *a, struct err *e)
{
	struct parser parser = { l->program, argv, argc, 2, a, l };
	*l = (struct command_line){ .program = l->program };
	if (argc < 2)
		return err_set(e, EINVAL, "no command");
	const char *first = argv[1];
	l->help = strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
	l->version = strcmp(first, "--version") == 0;
	if (l->help || l->version)
		return 0;
	if (first[0] == '-')
		return err_set(e, EINVAL, "%.80s: a command comes first", first);
	l->command = command_find(l->program, first);
	if (!l->command)
		return unknown_command(&parser, first, e);
	if (take_words(&parser, e) < 0)
		return -1;
	return l->help ? 0 : check_whole(l, e);
}

/* --- what was understood ------------------------------------------------------------------------ */

static size_t index_of(const struct command_line *l, const char *name)
{
	size_t i = 0;
	while (l->command->options[i] && strcmp(l->command->options[i]->name, name) != 0)
		i++;
	assert(l->command->options[i]);
	return i;
}

const char *command_value(const struct command_line *l, const char *name)
{
	size_t i = index_of(l, name);
	const struct command_given *g = &l->given[i];
	return g->n ? g->values[g->n - 1] : from_environment(l->command->options[i]);
}

bool command_has(const struct command_line *l, const char *name)
{
	return l->given[index_of(l, name)].n > 0;
}

const struct command_given *command_values(const struct command_line *l, const char *name)
{
	return &l->given[index_of(l, name)];
}
