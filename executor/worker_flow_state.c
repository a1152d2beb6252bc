/* The files by which a step speaks to the runner: GITHUB_ENV and its kin. What is in them is the job's. */
#include "executor/worker_flow_process.h"

#include "executor/state_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 64, SUMMARY_SHOWN = 64 << 10, FLAGS = VAR_PUBLIC | VAR_RAW };

typedef int take_state(struct flow_step *s, const char *text, size_t n, struct err *e);

struct state_row {
	const char *name; /* of the variables, behind GITHUB_ and its aliases */
	take_state *take;
	size_t max;
};

static const char *const prefixes[] = { "GITHUB_", "GITEA_", "FORGEJO_" };

/* --- what they mean ----------------------------------------------------------------------------- */

static int no_nul(const struct state_pair *p, struct err *e)
{
	if (strlen(p->value) == p->n)
		return 0;
	return err_set(e, EINVAL, "the value of %.80s holds a NUL", p->name);
}

static int take_env(struct flow_step *s, const char *text, size_t n, struct err *e)
{
	struct state_pairs pairs;
	if (state_file_pairs(text, n, s->x->a, &pairs, e) < 0)
		return -1;
	for (size_t i = 0; i < pairs.n; i++) {
		const struct state_pair *p = &pairs.pairs[i];
		if (!state_file_may_set(p->name))
			joblog_sayf(&s->f->w->log, SAY_WARNING,
				    "GITHUB_ENV: %.80s is the runner's own and is not set",
				    p->name);
		else if (no_nul(p, e) < 0 || workflow_add_env(s->x, p->name, p->value, e) < 0)
			return -1;
	}
	return 0;
}

static int take_path(struct flow_step *s, const char *text, size_t n, struct err *e)
{
	struct state_pairs paths;
	if (state_file_paths(text, n, s->x->a, &paths, e) < 0)
		return -1;
	for (size_t i = 0; i < paths.n; i++)
		if (workflow_add_path(s->x, paths.pairs[i].name, e) < 0)
			return -1;
	return 0;
}

static int take_pairs(struct flow_step *s, struct expr_value *to, const struct state_pairs *pairs,
		      struct err *e)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct state_pair *p = &pairs->pairs[i];
		const struct expr_value *v = expr_string(p->value, p->n, s->x->a, e);
		if (workflow_put(s->x, to, p->name, v, e) < 0)
			return -1;
	}
	return 0;
}

static int take_output(struct flow_step *s, const char *text, size_t n, struct err *e)
{
	struct state_pairs pairs;
	if (state_file_pairs(text, n, s->x->a, &pairs, e) < 0)
		return -1;
	return take_pairs(s, s->outputs, &pairs, e);
}

static int take_kept(struct flow_step *s, const char *text, size_t n, struct err *e)
{
	struct state_pairs pairs;
	if (state_file_pairs(text, n, s->x->a, &pairs, e) < 0)
		return -1;
	return take_pairs(s, s->state, &pairs, e);
}

/* Nobody takes one of this runner: it is shown. */
static int take_summary(struct flow_step *s, const char *text, size_t n, struct err *e)
{
	size_t len;
	const char *summary = state_file_summary(text, n, s->x->a, &len, e);
	if (!summary)
		return -1;
	if (len == 0)
		return 0;
	joblog_section(&s->f->w->log, "summary", "Step summary");
	flow_show(s->f, summary, SUMMARY_SHOWN);
	joblog_section(&s->f->w->log, NULL, NULL);
	return 0;
}

static const struct state_row rows[] = {
	{ "ENV", take_env, STATE_FILE_MAX },
	{ "PATH", take_path, STATE_FILE_MAX },
	{ "OUTPUT", take_output, STATE_FILE_MAX },
	{ "STATE", take_kept, STATE_FILE_MAX },
	{ "STEP_SUMMARY", take_summary, STATE_SUMMARY_MAX },
};

/* --- the files ---------------------------------------------------------------------------------- */

static void name_of(const struct flow *f, const struct state_row *r, char *out)
{
	snprintf(out, NAME_BYTES, "step_%u_%s", f->serial, r->name);
}

static int set_variables(struct flow_step *s, const struct state_row *r, const char *name,
			 struct err *e)
{
	const char *path = arena_printf(s->x->a, e, "%s/%s", s->f->w->here->files_dir, name);
	for (size_t i = 0; path && i < sizeof prefixes / sizeof *prefixes; i++) {
		char key[NAME_BYTES];
		snprintf(key, sizeof key, "%s%s", prefixes[i], r->name);
		if (vars_set(s->vars, key, path, FLAGS, e) < 0)
			return -1;
	}
	return path ? 0 : -1;
}

int flow_state_begin(struct flow_step *s, struct err *e)
{
	char name[NAME_BYTES];
	s->f->serial++;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		name_of(s->f, &rows[i], name);
		if (set_variables(s, &rows[i], name, e) < 0 ||
		    worker_box_file(s->f->w, name, "", 0, e) < 0)
			return -1;
	}
	enum stop until = s->f->w->until;
	s->f->w->until = STOP_TIMEOUT; /* a cancel is heard by what runs then */
	int r = worker_box_files_wait(s->f->w, e);
	s->f->w->until = until;
	return r;
}

/* One file; what is wrong with it fails the step. -1: the sandbox is gone. */
static int read_one(struct flow_step *s, const struct state_row *r, struct err *e)
{
	char name[NAME_BYTES];
	struct err why = { 0 };
	struct buf text = BUF(r->max);
	name_of(s->f, r, name);
	int ok = worker_box_read(s->f->w, s->f->w->here->files_dir, name, &text, &why);
	bool gone = ok < 0 && (why.code == EPIPE || why.code == ECANCELED);
	if (ok == 0 && text.len)
		ok = r->take(s, buf_cstr(&text), text.len, &why);
	buf_wipe(&text);
	if (ok == 0 || why.code == ENOENT)
		return 0;
	if (gone) {
		*e = why;
		return -1;
	}
	flow_fail(s, ENDING_SCRIPT, "GITHUB_%s: %s", r->name, why.msg);
	return 0;
}

int flow_state_end(struct flow_step *s, struct err *e)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (read_one(s, &rows[i], e) < 0)
			return -1;
	return 0;
}
