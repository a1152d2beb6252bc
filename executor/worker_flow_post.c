/* What actions do at the end of the job, the last one first. */
#include "executor/worker_flow.h"

#include <string.h>

int flow_post_add(struct flow_step *s, const struct flow_post *post, struct err *e)
{
	struct flow_post *p = arena_new(s->x->a, struct flow_post, e);
	struct flow_step *copy = p ? arena_new(s->x->a, struct flow_step, e) : NULL;
	if (!copy)
		return -1;
	*p = *post;
	*copy = *s;
	p->s = copy;
	p->next = s->f->posts;
	s->f->posts = p;
	return 0;
}

/* Whether it is to run: always, where nothing else is said. */
static int wanted(struct flow_step *s, const struct flow_post *p, bool *ret, struct err *e)
{
	struct workflow scope = *s->x;
	*ret = true;
	if (!*p->condition->text)
		return 0;
	scope.place = p->place;
	return workflow_condition(&scope, p->condition, ret, e);
}

static int run_one(struct flow *f, const struct flow_post *p, struct err *e)
{
	struct flow_step s = *p->s;
	struct err why = { 0 };
	bool go = false;
	s.end = (struct flow_end){ 0 };
	s.before_ms = 0;
	if (flow_step_env(&s, &why) < 0 || wanted(&s, p, &go, &why) < 0) {
		flow_fail(&s, ENDING_CONFIG, "%s", why.msg);
	} else if (go) {
		joblog_section(&f->w->log, "post", arena_printf(s.x->a, &why, "Post %s", s.title));
		joblog_section(&f->w->log, NULL, NULL);
		if (p->run(&s, p->arg, e) < 0)
			return -1;
	}
	flow_blame(&s);
	return joblog_commit(&f->w->log, e);
}

int flow_posts_run(struct flow *f, struct err *e)
{
	struct worker *w = f->w;
	for (struct flow_post *p = f->posts; p; p = p->next) {
		if (w->stop >= STOP_TIMEOUT || w->box.dead)
			return 0;
		flow_look_cancelled(f);
		if (run_one(f, p, e) < 0)
			return -1;
	}
	return 0;
}
