/* The phase steps of a workflow job: its steps in order, then what it hands on. */
#include "executor/worker_flow.h"

#include "base/str.h"

enum { EVENT_MAX = 16 << 20 };

/* Not even its condition held: every step is skipped. */
static int skip_all(struct flow *f, struct err *e)
{
	char index[STR_NUM];
	const struct job_workflow *job = f->x.job;
	for (size_t i = 0; i < job->nruns; i++)
		if (journal_event(&f->w->journal, e, "step_end", "name", job->runs[i].id, "index",
				  str_num(index, i), "code", "0", "result", "skipped", NULL) < 0)
			return -1;
	return 0;
}

static int run_all(struct flow *f, struct err *e)
{
	struct worker *w = f->w;
	struct err why = { 0 };
	struct flow_end end;
	bool go = true;
	if (workflow_condition(&f->x, &f->x.job->condition, &go, &why) < 0) {
		verdict_set(&w->verdict, ENDING_CONFIG, "%s", why.msg);
		go = false;
	} else if (!go) {
		joblog_say(&w->log, SAY_PLAIN, "The condition of the job does not hold: skipped");
		if (journal_event(&w->journal, e, "skipped", NULL) < 0)
			return -1;
	}
	struct flow_steps steps = { .runs = f->x.job->runs,
				    .n = f->x.job->nruns,
				    .limit_text = "" };
	if (!go)
		return joblog_commit(&w->log, e) < 0 ? -1 : skip_all(f, e);
	return flow_steps_run(f, &f->x, &steps, &end, e) < 0 ? -1 : flow_outputs(f, e);
}

/* The event as a file, for those who read it themselves. */
static int write_event(struct worker *w, const struct workflow *x, struct err *e)
{
	autobuf b = BUF(EVENT_MAX);
	if (workflow_event(x, &b, e) < 0 ||
	    worker_box_file(w, "event.json", buf_cstr(&b), b.len, e) < 0)
		return -1;
	return worker_box_files_wait(w, e);
}

int worker_workflow(struct worker *w)
{
	struct err e = { 0 };
	struct flow f = { .w = w };
	const char *event = arena_printf(&w->arena, &e, "%s/event.json", w->files_dir);
	struct workflow_facts facts = {
		.workspace = w->project_dir,
		.temp = "/tmp",
		.runner_name = w->settings.runner_name,
		.event_path = event ? event : "",
	};
	if (workflow_open(&f.x, w->job->workflow, &facts, &w->arena, &e) < 0) {
		verdict_set(&w->verdict, ENDING_CONFIG, "%s", e.msg);
		return -1;
	}
	if (worker_uses_prepare(w) < 0)
		return -1;
	int r = write_event(w, &f.x, &e) < 0 ? -1 : run_all(&f, &e);
	flow_remarks_say(&f);
	problem_matchers_free(f.matchers);
	if (w->stop)
		worker_stop_verdict(w);
	if (r < 0)
		verdict_set(&w->verdict, ENDING_INFRA, "%s", e.msg);
	return w->verdict.ending == ENDING_SUCCESS ? 0 : -1;
}
