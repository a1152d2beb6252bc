/* The built-in action actions/checkout: a job's sources by a step. */
#include "executor/checkout.h"
#include "executor/worker_files.h"
#include "executor/worker_flow.h"
#include "executor/worker_sources.h"

#include "base/clock.h"
#include "executor/authorization.h"
#include "executor/remote_url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CREDENTIALS_MAX = 40 << 10 };

static void say_lines(struct worker *w, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		joblog_sayf(&w->log, SAY_WARNING, "%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static int read_inputs(struct action_step *s, struct checkout *ret, struct err *e)
{
	struct worker *w = s->w;
	struct checkout_input *in = arena_array(&w->arena, s->ninputs + 1, sizeof *in, e);
	if (!in)
		return -1;
	for (size_t i = 0; i < s->ninputs; i++)
		in[i] = (struct checkout_input){ s->inputs[i].name, s->inputs[i].value };
	const struct checkout_job job = {
		.own = &w->job->sources,
		.repository = w->job->project_path,
		.server_url = worker_server_url(w),
		.workspace = w->project_dir,
		.inputs = in,
		.ninputs = s->ninputs,
	};
	if (!*w->job->sources.url)
		return err_set(e, EINVAL, "the server did not say where the repository is");
	return checkout_read(&job, &w->arena, ret, e);
}

/* The token for later git commands, on the tmpfs of the job's files and nowhere else: the path, "" when
 * it was not asked for. NULL with e set. */
static const char *keep_token(struct action_step *s, const struct checkout *c, struct err *e)
{
	struct worker *w = s->w;
	char name[64];
	if (!c->keep_token || !*c->from.token)
		return "";
	snprintf(name, sizeof name, "git-credentials-%u", ++w->credentials);
	struct buf b = BUF(CREDENTIALS_MAX);
	int r = buf_str(&b, "[http \"", e);
	if (r == 0)
		r = remote_url_origin(c->from.url, &b, e);
	if (r == 0)
		r = buf_str(&b, "/\"]\n\textraheader = \"", e);
	if (r == 0)
		r = authorization_basic(&b, c->from.user, c->from.token, e);
	if (r == 0)
		r = buf_str(&b, "\"\n", e);
	if (r == 0)
		r = worker_box_file(w, name, b.p, b.len, e);
	buf_wipe(&b);
	if (r < 0 || worker_box_files_wait(w, e) < 0)
		return NULL;
	return arena_printf(&w->arena, e, "%s/%s", w->files_dir, name);
}

/* The step's own time ends it, too. */
static uint64_t deadline_of(const struct action_step *s, uint64_t usual)
{
	return s->before_ms && (!usual || s->before_ms < usual) ? s->before_ms : usual;
}

static int get(struct action_step *s, const struct checkout *c, const char *include, struct err *e)
{
	struct worker *w = s->w;
	struct sources_job j = worker_sources_job(w);
	j.from = &c->from;
	j.plan = &c->plan;
	j.tree = c->tree;
	j.whose = c->whose;
	j.tree_kept = c->plan.kept;
	j.on_branch = true;
	j.include = include;
	j.deadline_ms = deadline_of(s, j.deadline_ms);
	if (sources_get(&j, e) < 0) {
		s->stopped = j.fault == SOURCES_CANCELLED;
		if (!s->stopped)
			flow_fail(s->step, worker_ending_of(j.fault), "%s", e->msg);
		return 0;
	}
	if (!c->says_persist)
		joblog_say(&w->log, SAY_PLAIN,
			   "The token is kept nowhere; later git commands that need it: set "
			   "persist-credentials to true.");
	if (action_output(s, "commit", j.sha, e) < 0)
		return -1;
	return action_output(s, "ref", *j.ref ? j.ref : c->from.ref, e);
}

int worker_checkout(struct action_step *s, struct err *e)
{
	struct err why = { 0 };
	struct checkout c;
	if (read_inputs(s, &c, &why) < 0) {
		flow_fail(s->step, why.code == EOPNOTSUPP ? ENDING_UNSUPPORTED : ENDING_CONFIG,
			  "%s", why.msg);
		return 0;
	}
	say_lines(s->w, c.warnings);
	const char *include = keep_token(s, &c, e);
	if (!include)
		return -1;
	worker_account(s->w, PHASE_SOURCES);
	int r = get(s, &c, include, e);
	worker_account(s->w, PHASE_STEPS);
	return r;
}
