/* What a step says to the runner in its output: workflow commands, and lines that a problem matcher knows. */
#include "executor/worker_flow_process.h"

#include "executor/state_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY = 8 << 20, MASKS_MAX = 1000 };

/* How remarks look; a page of the server's shows these in colours. */
static const char *const marks[] = {
	[ANNOTATION_NOTICE] = "::notice::",
	[ANNOTATION_WARNING] = "##[warning]",
	[ANNOTATION_ERROR] = "##[error]",
};

static struct err *why_of(struct err *e)
{
	err_clear(e);
	return e;
}

/* What is wrong with a command fails the step; the process goes on. */
static int wrong(struct flow_commands *c, const struct err *why)
{
	flow_fail(c->s, ENDING_SCRIPT, "%s", why->msg);
	return 0;
}

static int write_line(struct joblog_stream *to, const char *mark, const char *text, struct err *e)
{
	if (joblog_write(to, mark, strlen(mark), e) < 0 ||
	    joblog_write(to, text, strlen(text), e) < 0)
		return -1;
	return joblog_write(to, "\n", 1, e);
}

/* --- masks, files, outputs ---------------------------------------------------------------------- */

/* Values of one add-mask. */
struct values {
	struct flow_commands *c;
	struct mask *first;
};

static int add_value(void *arg, const char *p, size_t n, struct err *e)
{
	struct values *v = arg;
	struct mask *m = arena_new(&v->c->lines, struct mask, e);
	if (!m)
		return -1;
	*m = (struct mask){ p, n, v->first };
	v->first = m;
	if (++v->c->s->f->masks <= MASKS_MAX)
		return 0;
	return err_set(e, E2BIG, "add-mask: more than %d values", MASKS_MAX);
}

static int do_mask(struct flow_commands *c, struct joblog_stream *to,
		   const struct workflow_command *cmd, struct err *e)
{
	struct values v = { .c = c };
	(void)to;
	if (workflow_command_masks(cmd, add_value, &v, why_of(e)) < 0 ||
	    (v.first && worker_mask_add(c->s->f->w, v.first, e) < 0))
		return wrong(c, e);
	return 0;
}

/* A text of a command outlives its line. */
static int put(struct flow_commands *c, struct expr_value *object,
	       const struct workflow_command *cmd, struct err *e)
{
	struct workflow *x = c->s->x;
	const char *name = arena_strdup(x->a, workflow_command_property(cmd, "name"), e);
	return name ? workflow_put(x, object, name, expr_string(cmd->data, cmd->n, x->a, e), e)
		    : -1;
}

static int do_output(struct flow_commands *c, struct joblog_stream *to,
		     const struct workflow_command *cmd, struct err *e)
{
	(void)to;
	return put(c, c->s->outputs, cmd, e);
}

static int do_state(struct flow_commands *c, struct joblog_stream *to,
		    const struct workflow_command *cmd, struct err *e)
{
	(void)to;
	return put(c, c->s->state, cmd, e);
}

static int do_env(struct flow_commands *c, struct joblog_stream *to,
		  const struct workflow_command *cmd, struct err *e)
{
	const char *name = workflow_command_property(cmd, "name");
	(void)to;
	if (!state_file_may_set(name))
		return 0;
	return workflow_add_env(c->s->x, name, arena_strdup(c->s->x->a, cmd->data, e), e);
}

static int do_path(struct flow_commands *c, struct joblog_stream *to,
		   const struct workflow_command *cmd, struct err *e)
{
	(void)to;
	return workflow_add_path(c->s->x, cmd->data, e);
}

/* --- remarks ------------------------------------------------------------------------------------ */

static int do_debug(struct flow_commands *c, struct joblog_stream *to,
		    const struct workflow_command *cmd, struct err *e)
{
	return c->s->x->all->debug ? write_line(to, "##[debug]", cmd->data, e) : 0;
}

/* "file:line:col: " of those that are there. */
static const char *place_of(struct flow_commands *c, const struct annotation *a, struct err *e)
{
	if (!*a->file)
		return "";
	if (!a->line)
		return arena_printf(&c->lines, e, "%s: ", a->file);
	return a->column ? arena_printf(&c->lines, e, "%s:%u:%u: ", a->file, a->line, a->column)
			 : arena_printf(&c->lines, e, "%s:%u: ", a->file, a->line);
}

static int do_remark(struct flow_commands *c, struct joblog_stream *to,
		     const struct workflow_command *cmd, struct err *e)
{
	struct annotation a;
	workflow_command_annotation(cmd, &a);
	const char *place = place_of(c, &a, e);
	const char *text = place ? arena_printf(&c->lines, e, "%s%s%s%s", place, a.title,
						*a.title ? ": " : "", a.message)
				 : NULL;
	if (!text || write_line(to, marks[a.severity], text, e) < 0)
		return -1;
	return flow_remark(c->s->f, &a, e);
}

/* --- problem matchers --------------------------------------------------------------------------- */

/* The file of matchers that a command names: in the workspace, or an absolute path within the sandbox. */
static int read_file(struct flow_commands *c, const struct workflow_command *cmd, struct buf *out,
		     struct err *e)
{
	struct worker *w = c->s->f->w;
	const char *path = cmd->data;
	size_t n = strlen(w->project_dir);
	if (strncmp(path, w->project_dir, n) == 0 && path[n] == '/')
		path += n + 1;
	if (path[0] == '/')
		return worker_box_read(w, "/", path + 1, out, e);
	path += strncmp(path, "./", 2) == 0 ? 2 : 0;
	return worker_box_read(w, w->project_dir, path, out, e);
}

static int do_add_matcher(struct flow_commands *c, struct joblog_stream *to,
			  const struct workflow_command *cmd, struct err *e)
{
	struct flow *f = c->s->f;
	autobuf text = BUF(PROBLEM_FILE_MAX);
	(void)to;
	if (!f->matchers && !(f->matchers = problem_matchers_new(e)))
		return -1;
	if (read_file(c, cmd, &text, why_of(e)) < 0 ||
	    problem_matchers_add(f->matchers, buf_cstr(&text), text.len, e) < 0) {
		err_wrap(e, "add-matcher");
		return wrong(c, e);
	}
	return 0;
}

static int do_remove_matcher(struct flow_commands *c, struct joblog_stream *to,
			     const struct workflow_command *cmd, struct err *e)
{
	struct flow *f = c->s->f;
	const char *owner = workflow_command_property(cmd, "owner");
	autobuf text = BUF(PROBLEM_FILE_MAX);
	(void)to;
	if (!f->matchers)
		return 0;
	if (owner)
		problem_matchers_remove(f->matchers, owner);
	else if (read_file(c, cmd, &text, why_of(e)) < 0 ||
		 problem_matchers_remove_file(f->matchers, buf_cstr(&text), text.len, e) < 0) {
		err_wrap(e, "remove-matcher");
		return wrong(c, e);
	}
	return 0;
}

/* The line that completes a remark gets its mark in front. */
static int match(struct flow_commands *c, struct joblog_stream *to, const char *line, size_t n,
		 struct err *e)
{
	struct annotation a;
	struct err why = { 0 };
	int r = problem_matchers_line(c->s->f->matchers, line, n, &a, &why);
	if (r < 0)
		joblog_say(&c->s->f->w->log, SAY_WARNING, why.msg);
	if (r <= 0)
		return 0;
	const char *mark = marks[a.severity];
	return joblog_write(to, mark, strlen(mark), e) < 0 ? -1 : flow_remark(c->s->f, &a, e);
}

/* --- lines -------------------------------------------------------------------------------------- */

typedef int command_do(struct flow_commands *c, struct joblog_stream *to,
		       const struct workflow_command *cmd, struct err *e);

/* keep: the line itself is what the log shows. */
struct verb_row {
	command_do *carry_out;
	bool keep;
};

static const struct verb_row verbs[] = {
	[WORKFLOW_NONE] = { NULL, true },
	[WORKFLOW_ADD_MASK] = { do_mask, false },
	[WORKFLOW_ADD_MATCHER] = { do_add_matcher, false },
	[WORKFLOW_REMOVE_MATCHER] = { do_remove_matcher, false },
	[WORKFLOW_DEBUG] = { do_debug, false },
	[WORKFLOW_NOTICE] = { do_remark, false },
	[WORKFLOW_WARNING] = { do_remark, false },
	[WORKFLOW_ERROR] = { do_remark, false },
	[WORKFLOW_GROUP] = { NULL, true },
	[WORKFLOW_ENDGROUP] = { NULL, true },
	[WORKFLOW_SET_OUTPUT] = { do_output, false },
	[WORKFLOW_SAVE_STATE] = { do_state, false },
	[WORKFLOW_SET_ENV] = { do_env, false },
	[WORKFLOW_ADD_PATH] = { do_path, false },
	[WORKFLOW_ECHO] = { NULL, false },
	[WORKFLOW_STOP] = { NULL, false },
	[WORKFLOW_RESUME] = { NULL, false },
};

static int command(struct flow_commands *c, struct joblog_stream *to,
		   const struct workflow_command *cmd)
{
	struct err why = { 0 };
	const struct verb_row *v = &verbs[cmd->verb];
	return v->carry_out && v->carry_out(c, to, cmd, &why) < 0 ? wrong(c, &why) : 0;
}

static int take(void *arg, void *to, const struct output_line *line, bool *ret_show, struct err *e)
{
	struct flow_commands *c = arg;
	struct workflow_command cmd = { .verb = WORKFLOW_NONE };
	struct err why = { 0 };
	int r = workflow_commands_take(&c->parse, line->p, line->n, &cmd, &why);
	*ret_show = r == 0 && (verbs[cmd.verb].keep || cmd.shown);
	if (r < 0)
		r = wrong(c, &why);
	else if (cmd.verb != WORKFLOW_NONE)
		r = command(c, to, &cmd);
	else if (c->s->f->matchers)
		r = match(c, to, line->p, line->n, e);
	arena_done(&c->lines);
	c->lines = (struct arena)ARENA(MEMORY);
	return r;
}

/* White space of more than one byte is looked at by who knows it. */
static size_t blanks(const char *line, size_t n)
{
	size_t i = 0;
	while (i < n && (line[i] == ' ' || (line[i] >= '\t' && line[i] <= '\r')))
		i++;
	return i;
}

static bool is_command(const char *line, size_t n)
{
	size_t i = blanks(line, n);
	if (n - i >= 2 && line[i] == ':' && line[i + 1] == ':')
		return true;
	return (i < n && (unsigned char)line[i] >= 0x80) || memmem(line, n, "##[", 3) != NULL;
}

static bool meant(void *arg, const char *line, size_t n)
{
	const struct flow_commands *c = arg;
	return c->s->f->matchers || is_command(line, n);
}

/* Only blanks so far, or the first of two colons. */
static bool begins(void *arg, const char *line, size_t n)
{
	size_t i = blanks(line, n);
	(void)arg;
	return i == n || (n - i == 1 && line[i] == ':') || line[n - 1] == '#' ||
	       is_command(line, n);
}

static bool allows(const struct flow_step *s, const char *name)
{
	return strcasecmp(vars_get(s->vars, name), "true") == 0;
}

void flow_commands_init(struct flow_commands *c, struct flow_step *s)
{
	*c = (struct flow_commands){ .s = s, .lines = ARENA(MEMORY) };
	c->parse.a = &c->lines;
	c->parse.allow_unsecure = allows(s, "ACTIONS_ALLOW_UNSECURE_COMMANDS");
	c->parse.allow_weak_tokens = allows(s, "ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS");
	c->reader = (struct output_reader){ c, meant, begins, take, worker_step_write };
}

void flow_commands_done(struct flow_commands *c)
{
	workflow_commands_done(&c->parse);
	arena_done(&c->lines);
}
