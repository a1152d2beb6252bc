/* What actions of other repositories do before the first step, in the order of the steps. */
#include "executor/worker_flow.h"

/* What is wrong with a step's texts is said when it is reached. */
static int run_one(struct flow *f, size_t i, struct err *e)
{
	struct err why = { 0 };
	struct flow_step s = {
		.f = f,
		.x = &f->x,
		.job = &f->x.job->runs[i],
		.index = i,
		.limit_text = "",
	};
	if (!s.job->uses.line || flow_step_begin(&s, &why) < 0)
		return 0;
	if (flow_action_pre(&s, e) < 0)
		return -1;
	f->states[i] = s.state;
	flow_blame(&s);
	if (s.end.ending != ENDING_SUCCESS)
		f->x.failed = true;
	return 0;
}

int flow_pres_run(struct flow *f, struct err *e)
{
	f->states = arena_array(f->x.a, f->x.job->nruns + 1, sizeof(struct expr_value *), e);
	if (!f->states)
		return -1;
	for (size_t i = 0; i < f->x.job->nruns; i++) {
		if (f->w->stop || f->w->box.dead)
			return 0;
		if (run_one(f, i, e) < 0)
			return -1;
	}
	return joblog_commit(&f->w->log, e);
}
