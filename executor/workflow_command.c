#include "executor/workflow_command.h"

#include "base/str.h"
#include "executor/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* quiet: never shown by echo. */
struct verb_row {
	const char *name;
	enum workflow_verb verb;
	bool quiet, named, unsecure;
};

static const struct verb_row verbs[] = {
	{ .name = "add-mask", .verb = WORKFLOW_ADD_MASK, .quiet = true },
	{ .name = "add-matcher", .verb = WORKFLOW_ADD_MATCHER },
	{ .name = "remove-matcher", .verb = WORKFLOW_REMOVE_MATCHER },
	{ .name = "debug", .verb = WORKFLOW_DEBUG, .quiet = true },
	{ .name = "notice", .verb = WORKFLOW_NOTICE, .quiet = true },
	{ .name = "warning", .verb = WORKFLOW_WARNING, .quiet = true },
	{ .name = "error", .verb = WORKFLOW_ERROR, .quiet = true },
	{ .name = "group", .verb = WORKFLOW_GROUP },
	{ .name = "endgroup", .verb = WORKFLOW_ENDGROUP },
	{ .name = "set-output", .verb = WORKFLOW_SET_OUTPUT, .named = true },
	{ .name = "save-state", .verb = WORKFLOW_SAVE_STATE, .named = true },
	{ .name = "set-env", .verb = WORKFLOW_SET_ENV, .named = true, .unsecure = true },
	{ .name = "add-path", .verb = WORKFLOW_ADD_PATH, .unsecure = true },
	{ .name = "echo", .verb = WORKFLOW_ECHO },
	{ .name = "stop-commands", .verb = WORKFLOW_STOP },
};

static const struct verb_row *verb_of(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (fold_equal(name, n, verbs[i].name, strlen(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

/* --- the two forms -------------------------------------------------------------------------------- */

/* A line taken apart: name, properties and data, as they are written. */
struct parts {
	const char *name, *properties, *data;
	size_t nname, nproperties, ndata;
	char separator; /* between properties */
	const char *escapes;
};

/* "%XY" of these, each followed by what it means. */
static const char data_escapes[] = "0D\r0A\n25%";
static const char property_escapes[] = "0D\r0A\n3A:2C,25%";
static const char old_escapes[] = "3B;0D\r0A\n5D]25%";

static void split_name(struct parts *p, const char *s, size_t n)
{
	const char *space = memchr(s, ' ', n);
	p->name = s;
	p->nname = space ? (size_t)(space - s) : n;
	p->properties = space ? space + 1 : s + n;
	p->nproperties = (size_t)(s + n - p->properties);
}

static bool new_form(struct parts *p, const char *line, size_t n)
{
	size_t space;
	while ((space = fold_space(line, n)) > 0) {
		line += space;
		n -= space;
	}
	const char *end = n > 2 && memcmp(line, "::", 2) == 0 ? memmem(line + 2, n - 2, "::", 2)
							      : NULL;
	if (!end)
		return false;
	split_name(p, line + 2, (size_t)(end - line) - 2);
	p->data = end + 2;
	p->ndata = n - (size_t)(p->data - line);
	p->separator = ',';
	p->escapes = property_escapes;
	return true;
}

static bool old_form(struct parts *p, const char *line, size_t n)
{
	const char *begin = memmem(line, n, "##[", 3);
	const char *end = begin ? memchr(begin, ']', n - (size_t)(begin - line)) : NULL;
	if (!end)
		return false;
	split_name(p, begin + 3, (size_t)(end - begin) - 3);
	p->data = end + 1;
	p->ndata = n - (size_t)(p->data - line);
	p->separator = ';';
	p->escapes = old_escapes;
	return true;
}

/* s[0..n) with its escapes resolved, in one pass: "%250A" is "%0A". */
static char *unescape(const char *s, size_t n, const char *escapes, size_t *ret_n, struct arena *a)
{
	struct err ignored = { 0 };
	char *to = arena_alloc(a, n + 1, &ignored);
	size_t len = 0;
	for (size_t i = 0; to && i < n; i++) {
		char c = s[i];
		for (const char *e = escapes; c == '%' && n - i > 2 && *e; e += 3)
			if (memcmp(s + i + 1, e, 2) == 0) {
				c = e[2];
				i += 2;
				break;
			}
		to[len++] = c;
	}
	*ret_n = len;
	return to;
}

static const char *trim(const char *s, size_t *n)
{
	while (*n && (*s == ' ' || *s == '\t')) {
		s++;
		--*n;
	}
	while (*n && (s[*n - 1] == ' ' || s[*n - 1] == '\t'))
		--*n;
	return s;
}

static struct workflow_property *property_of(struct workflow_command *c, const char *name)
{
	for (size_t i = 0; i < c->nproperties; i++)
		if (fold_equal(c->properties[i].name, strlen(c->properties[i].name), name,
			       strlen(name)))
			return &c->properties[i];
	return c->nproperties < WORKFLOW_PROPERTIES ? &c->properties[c->nproperties] : NULL;
}

/* One "name=value"; what is not, or has an empty half, is ignored as on GitHub. */
static int add_property(struct workflow_command *c, const struct parts *p, const char *s, size_t n,
			struct arena *a)
{
	struct err ignored = { 0 };
	s = trim(s, &n);
	const char *equals = memchr(s, '=', n);
	size_t nname = equals ? (size_t)(equals - s) : 0, len;
	const char *name = nname ? trim(s, &nname) : s;
	if (nname == 0 || memchr(name, '\0', nname) || equals + 1 == s + n)
		return 0;
	char *value = unescape(equals + 1, n - (size_t)(equals + 1 - s), p->escapes, &len, a);
	char *copy = value ? arena_strndup(a, name, nname, &ignored) : NULL;
	if (!copy)
		return -1;
	struct workflow_property *to = property_of(c, copy);
	if (!to)
		return 0;
	c->nproperties += to == &c->properties[c->nproperties];
	*to = (struct workflow_property){ copy, value };
	return 0;
}

static int take_parts(struct workflow_command *c, const struct parts *p, struct arena *a,
		      struct err *e)
{
	const char *s = p->properties, *end = s + p->nproperties;
	while (s < end) {
		const char *next = memchr(s, p->separator, (size_t)(end - s));
		next = next ? next : end;
		if (add_property(c, p, s, (size_t)(next - s), a) < 0)
			return err_set(e, ENOMEM, "out of memory for a workflow command");
		s = next + (next < end);
	}
	c->data = unescape(p->data, p->ndata,
			   p->escapes == old_escapes ? old_escapes : data_escapes, &c->n, a);
	return c->data ? 0 : err_set(e, ENOMEM, "out of memory for a workflow command");
}

/* --- carrying out --------------------------------------------------------------------------------- */

static int stop(struct workflow_commands *w, const struct workflow_command *c, struct err *e)
{
	bool weak = c->n == 0 || verb_of(c->data, c->n) ||
		    fold_equal(c->data, c->n, "pause-logging", 13);
	if (weak && !w->allow_weak_tokens)
		return err_set(e, EINVAL,
			       "stop-commands: the token must not be empty or a command's name");
	w->stop = strndup(c->data, c->n);
	return w->stop ? 0 : err_set(e, ENOMEM, "out of memory for a token");
}

static int set_echo(struct workflow_commands *w, const struct workflow_command *c, struct err *e)
{
	size_t n = c->n;
	const char *s = trim(c->data, &n);
	bool on = fold_equal(s, n, "on", 2);
	if (!on && !fold_equal(s, n, "off", 3))
		return err_set(e, EINVAL, "echo: it is neither on nor off");
	w->echo = on;
	return 0;
}

static int check(const struct workflow_commands *w, const struct workflow_command *c,
		 const struct verb_row *v, struct err *e)
{
	const char *name = workflow_command_property(c, "name");
	if (v->unsecure && !w->allow_unsecure)
		return err_set(e, EPERM,
			       "%s: it is disabled; write to $%s, or set "
			       "ACTIONS_ALLOW_UNSECURE_COMMANDS to true",
			       v->name, v->named ? "GITHUB_ENV" : "GITHUB_PATH");
	if (v->named && (!name || !*name))
		return err_set(e, EINVAL, "%s: the property \"name\" is missing", v->name);
	return 0;
}

static int carry_out(struct workflow_commands *w, struct workflow_command *c,
		     const struct verb_row *v, struct err *e)
{
	c->shown = (w->echo && !v->quiet) || v->verb == WORKFLOW_STOP;
	if (v->verb == WORKFLOW_STOP)
		return stop(w, c, e);
	if (v->verb == WORKFLOW_ECHO)
		return set_echo(w, c, e);
	return check(w, c, v, e);
}

/* While commands are stopped: the line that is the token's command, in either form. */
static bool resumes(const struct workflow_commands *w, const char *line, size_t n)
{
	struct parts p;
	size_t len = strlen(w->stop);
	return (new_form(&p, line, n) && fold_equal(p.name, p.nname, w->stop, len)) ||
	       (old_form(&p, line, n) && fold_equal(p.name, p.nname, w->stop, len));
}

int workflow_commands_take(struct workflow_commands *w, const char *line, size_t n,
			   struct workflow_command *ret, struct err *e)
{
	struct parts p;
	const struct verb_row *v = NULL;
	*ret = (struct workflow_command){ .shown = true, .data = "" };
	if (w->stop) {
		if (!resumes(w, line, n))
			return 0;
		workflow_commands_done(w);
		ret->verb = WORKFLOW_RESUME;
		return 0;
	}
	if (new_form(&p, line, n))
		v = verb_of(p.name, p.nname);
	if (!v && old_form(&p, line, n))
		v = verb_of(p.name, p.nname);
	if (!v)
		return 0;
	ret->verb = v->verb;
	ret->shown = false;
	return take_parts(ret, &p, w->a, e) < 0 ? -1 : carry_out(w, ret, v, e);
}

void workflow_commands_done(struct workflow_commands *w)
{
	free(w->stop);
	w->stop = NULL;
}

/* --- what commands carry -------------------------------------------------------------------------- */

const char *workflow_command_property(const struct workflow_command *c, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < c->nproperties; i++) {
		const struct workflow_property *p = &c->properties[i];
		if (fold_equal(p->name, strlen(p->name), name, n))
			return p->value;
	}
	return NULL;
}

static uint32_t number(const struct workflow_command *c, const char *name)
{
	const char *value = workflow_command_property(c, name);
	uint64_t n = 0;
	return value && str_u64(value, INT32_MAX, &n) ? (uint32_t)n : 0;
}

static const char *text(const struct workflow_command *c, const char *name)
{
	const char *value = workflow_command_property(c, name);
	return value ? value : "";
}

void workflow_command_annotation(const struct workflow_command *c, struct annotation *ret)
{
	struct annotation r = {
		.severity = c->verb == WORKFLOW_ERROR     ? ANNOTATION_ERROR
			    : c->verb == WORKFLOW_WARNING ? ANNOTATION_WARNING
							  : ANNOTATION_NOTICE,
		.message = c->data,
		.file = text(c, "file"),
		.title = text(c, "title"),
		.code = "",
		.line = number(c, "line"),
		.end_line = number(c, "endLine"),
		.column = number(c, "col"),
		.end_column = number(c, "endColumn"),
	};
	r.line = r.line ? r.line : r.end_line;
	r.column = r.column ? r.column : r.end_column;
	bool apart = r.end_line && r.end_line != r.line;
	bool backwards = r.end_column && r.end_column < r.column;
	if (!r.line || apart || backwards)
		r.column = r.end_column = 0;
	if (r.end_line && r.end_line < r.line)
		r.line = r.end_line = 0;
	*ret = r;
}

int workflow_command_masks(const struct workflow_command *c, workflow_mask *add, void *arg,
			   struct err *e)
{
	if (strspn(c->data, " \t\r\n") == c->n)
		return 0;
	if (add(arg, c->data, c->n, e) < 0)
		return -1;
	for (const char *s = c->data; *s;) {
		size_t line = strcspn(s, "\r\n"), len = line;
		const char *what = trim(s, &len);
		if (len && len < c->n && add(arg, what, len, e) < 0)
			return -1;
		s += line + strspn(s + line, "\r\n");
	}
	return 0;
}
