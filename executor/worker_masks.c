/* What the log of a job must never show. */
#include "executor/worker_masks.h"

#include "executor/worker.h"
#include "executor/worker_containers.h"

#include <string.h>

static const char added[] = "a value that a step masks";

static int add_mask(void *set, const char *p, size_t n, struct err *e)
{
	return redact_set_add(set, "a masked variable", p, n, e);
}

/* A secret whole, and line by line where it has several: tools show it so. */
static int add_lines(struct redact_set *set, const char *value, struct err *e)
{
	const char *what = "a secret of the job";
	if (redact_set_add(set, what, value, strlen(value), e) < 0)
		return -1;
	for (const char *s = value; strchr(value, '\n') && *s; s += *s == '\n') {
		size_t n = strcspn(s, "\n");
		if (redact_set_add(set, what, s, n, e) < 0)
			return -1;
		s += n;
	}
	return 0;
}

/* What the forge itself gave with the job. */
static int mask_job(const struct job *j, struct redact_set *set, struct err *e)
{
	int r = redact_set_add(set, "the job token", j->token, strlen(j->token), e);
	for (size_t i = 0; r == 0 && i < j->ndependencies; i++)
		r = redact_set_add(set, "the token of a needed job", j->dependencies[i].token,
				   strlen(j->dependencies[i].token), e);
	for (size_t i = 0; r == 0 && i < j->nmasks; i++)
		r = add_lines(set, j->masks[i], e);
	for (size_t i = 0; r == 0 && i < j->ncredentials; i++)
		if (j->credentials[i].password[0])
			r = redact_set_add(set, "a registry's password", j->credentials[i].password,
					   strlen(j->credentials[i].password), e);
	for (size_t i = 0; r == 0 && i < j->nmask_prefixes; i++)
		r = redact_set_prefix(set, j->mask_prefixes[i], e);
	return r;
}

/* What the log must never show, before its first byte. Replaces the set that was in use. */
int worker_masks(struct worker *w, struct err *e)
{
	struct redact_set *set = redact_set_new(NULL, e);
	if (!set)
		return -1;
	int r = w->job ? mask_job(w->job, set, e) : 0;
	if (r == 0)
		r = worker_containers_mask(w, set, e);
	if (r == 0 && w->vars)
		r = vars_masked(w->vars, add_mask, set, e);
	for (const struct mask *m = w->added; r == 0 && m; m = m->next)
		r = redact_set_add(set, added, m->p, m->n, e);
	if (r == 0)
		r = redact_set_build(set, e);
	if (r == 0)
		r = joblog_masks(&w->log, set, e);
	if (r < 0) {
		redact_set_free(set);
		return -1;
	}
	redact_set_free(w->masks);
	w->masks = set;
	return 0;
}

/* In the set that is used from now on, and in those that are made later. */
static int remember(struct worker *w, const void *p, size_t n, struct err *e)
{
	struct mask *m = arena_new(&w->arena, struct mask, e);
	char *copy = m ? arena_strndup(&w->arena, p, n, e) : NULL;
	if (!copy)
		return -1;
	*m = (struct mask){ copy, n, w->added };
	w->added = m;
	return 0;
}

static int more(struct worker *w, struct redact_set *next, const struct mask *upto, struct err *e)
{
	for (const struct mask *m = w->added; m != upto; m = m->next)
		if (redact_set_add(next, added, m->p, m->n, e) < 0)
			return -1;
	return redact_set_build(next, e) < 0 ? -1 : joblog_masks_more(&w->log, next, e);
}

int worker_mask_add(struct worker *w, const struct mask *list, struct err *e)
{
	const struct mask *before = w->added;
	struct redact_set *next = redact_set_more(w->masks, e);
	int r = next ? 0 : -1;
	for (const struct mask *m = list; r == 0 && m; m = m->next)
		r = remember(w, m->p, m->n, e);
	if (r == 0)
		r = more(w, next, before, e);
	if (r < 0) {
		redact_set_free(next);
		return -1;
	}
	redact_set_free(w->masks);
	w->masks = next;
	return 0;
}
