#include "runner/command_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 2048, WIDTH = 74 };

void command_say(struct command_text *t, const char *fmt, ...)
{
	char piece[PIECE];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(piece, sizeof piece, fmt, ap);
	va_end(ap);
	if (t->bad)
		return;
	if (n < 0 || n >= PIECE)
		t->bad = err_set(t->e, E2BIG, "a piece of text is too long") < 0;
	else
		t->bad = buf_add(t->out, piece, (size_t)n, t->e) < 0;
}

void command_say_char(struct command_text *t, char c)
{
	if (!t->bad)
		t->bad = buf_char(t->out, c, t->e) < 0;
}

int command_said(const struct command_text *t)
{
	return t->bad ? -1 : 0;
}

/* A space ends the line when it is full, or a sentence ends there. */
static bool breaks(const char *space, char before, char last, size_t column)
{
	return (last == '.' && before != '.') || column + 1 + strcspn(space + 1, " ") > WIDTH;
}

void command_say_mdoc(struct command_text *t, const char *s)
{
	char before = '\n', last = '\n';
	size_t column = 0;
	for (; *s; s++, column++) {
		char c = *s;
		if (c == ' ' && breaks(s, before, last, column))
			c = '\n';
		if (last == '\n' && (c == '.' || c == '\''))
			command_say(t, "\\&");
		if (c == '\\')
			command_say(t, "\\e");
		else
			command_say_char(t, c);
		column = c == '\n' ? 0 : column;
		before = last;
		last = c;
	}
}
