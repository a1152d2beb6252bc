/* A step's output, line by line, through the reader of workflow commands. */
#include "executor/workflow_command.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int mask(void *arg, const char *s, size_t n, struct err *e)
{
	const struct workflow_command *c = arg;
	(void)e;
	if (n == 0 || n > c->n || s < c->data || s + n > c->data + c->n)
		abort();
	return 0;
}

static void check_annotation(const struct workflow_command *c)
{
	struct annotation a;
	workflow_command_annotation(c, &a);
	if ((a.end_line && a.end_line < a.line) || (a.end_column && a.end_column < a.column) ||
	    (a.column && !a.line && !a.end_line) || !a.file || !a.title || !a.message)
		abort();
}

static void check(const struct workflow_commands *w, const struct workflow_command *c)
{
	struct err e = { 0 };
	struct workflow_command copy = *c;
	if (c->data[c->n] != '\0' || (c->verb == WORKFLOW_NONE && !c->shown))
		abort();
	if ((c->verb == WORKFLOW_STOP) != (w->stop && c->verb != WORKFLOW_NONE))
		abort();
	for (size_t i = 0; i < c->nproperties; i++)
		if (!*c->properties[i].name || !workflow_command_property(c, c->properties[i].name))
			abort();
	if (workflow_command_masks(c, mask, &copy, &e) < 0)
		abort();
	check_annotation(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(4 << 20);
	struct workflow_commands w = { .a = &a,
				       .allow_unsecure = n & 1,
				       .allow_weak_tokens = n & 2 };
	const char *line = (const char *)data, *end = line + n;
	while (n && n < 1 << 16 && line < end) {
		struct workflow_command c;
		struct err e = { 0 };
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((lf ? lf : end) - line);
		if (workflow_commands_take(&w, line, length, &c, &e) == 0)
			check(&w, &c);
		else if (c.verb == WORKFLOW_NONE || !e.msg[0])
			abort();
		line += length + 1;
	}
	workflow_commands_done(&w);
	arena_done(&a);
	return 0;
}
