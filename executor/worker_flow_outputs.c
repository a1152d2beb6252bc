/* The outputs of a workflow job: evaluated at its end, without those that hold a secret. */
#include "executor/worker_flow.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255, PIECE = 1500 };

/* Whether the log's masks change the text. */
static int holds_secret(struct worker *w, const char *text, bool *ret, struct err *e)
{
	struct buf copy = BUF(2 * WORKFLOW_TEXT_MAX);
	int r = buf_str(&copy, text, e);
	if (r == 0)
		r = joblog_redact(&w->log, &copy, e);
	*ret = r < 0 || strcmp(buf_cstr(&copy), text) != 0;
	buf_wipe(&copy);
	return r;
}

/* One output as records: the last has no "more". */
static int record(struct worker *w, const char *name, const char *value, struct err *e)
{
	do {
		char piece[PIECE + 1];
		size_t n = strnlen(value, PIECE);
		memcpy(piece, value, n);
		piece[n] = '\0';
		value += n;
		if (journal_event(&w->journal, e, "output", "name", name, "value", piece, "more",
				  *value ? "1" : "", NULL) < 0)
			return -1;
	} while (*value);
	return 0;
}

static int one(struct flow *f, const struct job_pair *p, size_t *sum, struct err *e)
{
	struct joblog *log = &f->w->log;
	struct err why = { 0 };
	bool secret = false;
	const char *text = workflow_text(&f->x, &p->value, &why);
	size_t n = text ? strlen(text) : 0;
	if (!text) {
		joblog_sayf(log, SAY_WARNING, "The output %.80s is left out: %s", p->key, why.msg);
		return 0;
	}
	if (n + *sum > WORKFLOW_TEXT_MAX || strlen(p->key) > NAME_MAX_BYTES) {
		joblog_sayf(log, SAY_WARNING,
			    "The output %.80s is left out: outputs are at most 1 MiB, their names "
			    "255 bytes",
			    p->key);
		return 0;
	}
	if (holds_secret(f->w, text, &secret, e) < 0)
		return -1;
	if (secret) {
		joblog_sayf(log, SAY_WARNING,
			    "The output %.80s is left out: it may contain a secret", p->key);
		return 0;
	}
	*sum += n;
	return n ? record(f->w, p->key, text, e) : 0;
}

int flow_outputs(struct flow *f, struct err *e)
{
	const struct job_env *outputs = &f->x.job->outputs;
	size_t sum = 0;
	for (size_t i = 0; i < outputs->n; i++)
		if (one(f, &outputs->pairs[i], &sum, e) < 0)
			return err_wrap(e, "outputs");
	return 0;
}
