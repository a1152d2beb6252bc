/* The phase steps of a workflow job: its steps in order, then what it hands on. */
#include "executor/worker_containers.h"
#include "executor/worker_flow.h"
#include "executor/worker_hash.h"

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
	if (workflow_job_condition(&f->x, &go, &why) < 0) {
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
	if (flow_pres_run(f, e) < 0)
		return -1;
	if (flow_steps_run(f, &f->x, &steps, &end, e) < 0 || flow_outputs(f, e) < 0)
		return -1;
	return flow_posts_run(f, e);
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

/* timeout-minutes that had to be evaluated: from now on that long. */
static int set_deadline(struct flow *f, struct err *e)
{
	struct worker *w = f->w;
	uint64_t ms;
	if (!f->x.job->timeout.line)
		return 0;
	if (workflow_timeout(&f->x, &f->x.job->timeout, &ms, e) < 0)
		return -1;
	struct job *copy = arena_new(&w->arena, struct job, e);
	if (!copy)
		return -1;
	*copy = *w->job;
	copy->timeout_s = ms < 1000 ? 1 : (unsigned)(ms / 1000);
	w->job = copy;
	if (ms)
		loop_timer(w->loop, &w->deadline, ms);
	return 0;
}

/* continue-on-error of the job: that it failed is said, and no more. */
static void carry_on(struct flow *f)
{
	struct worker *w = f->w;
	struct err why = { 0 };
	bool on = false;
	enum fault fault = verdict_fault(&w->verdict);
	if (fault != FAULT_SCRIPT || workflow_flag(&f->x, &f->x.job->carry_on, &on, &why) < 0) {
		if (why.code)
			joblog_say(&w->log, SAY_ERROR, why.msg);
		return;
	}
	if (!on)
		return;
	joblog_sayf(&w->log, SAY_WARNING, "The job has failed (%s), and continue-on-error is set",
		    w->verdict.what);
	w->verdict = (struct verdict){ 0 };
}

int worker_workflow(struct worker *w)
{
	struct err e = { 0 };
	struct flow f = { .w = w };
	if (worker_scope(w, &f.x, &e) < 0 || set_deadline(&f, &e) < 0) {
		verdict_set(&w->verdict, ENDING_CONFIG, "%s", e.msg);
		return -1;
	}
	f.x.all->hash_files = worker_hash;
	f.x.all->hasher = w;
	if (worker_uses_prepare(w) < 0)
		return -1;
	int r = write_event(w, &f.x, &e) < 0 ? -1 : run_all(&f, &e);
	flow_remarks_say(&f);
	problem_matchers_free(f.matchers);
	if (w->stop)
		worker_stop_verdict(w);
	else
		carry_on(&f);
	if (r < 0)
		verdict_set(&w->verdict, ENDING_INFRA, "%s", e.msg);
	return w->verdict.ending == ENDING_SUCCESS ? 0 : -1;
}
