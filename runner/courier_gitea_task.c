/* Gitea and Forgejo in the courier: a task's state, its log as rows from the journal, its end. Rows are
 * read from the log's file for each request and never kept. */
#include "runner/courier_gitea.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>
#include <unistd.h>

enum {
	WINDOW = GITEA_ROW_MAX, /* bytes of the log that are looked at at once */
	ROWS_JSON_MAX = GITEA_BATCH + 8 * GITEA_ROW_MAX,
	OUTPUT_MAX = 1 << 20, /* what a worker hands on, all together */
	OUTPUTS_JSON_MAX = 7 << 20,
};

static struct gitea_task *own_of(const struct courier_task *j)
{
	return j->own;
}

/* --- the log ------------------------------------------------------------------------------------ */

/* The log from byte off, at most a window; 0 at its end, or when it cannot be read. */
static size_t window(const struct courier_task *j, uint64_t off, char *ret)
{
	if (off >= j->size)
		return 0;
	uint64_t left = j->size - off;
	ssize_t n = pread(j->log, ret, left < WINDOW ? (size_t)left : WINDOW, (off_t)off);
	return n > 0 ? (size_t)n : 0;
}

/* A walk over the rows of the log, from one on. There is one, for one walk at a time. */
struct walk {
	uint64_t row, off;
	char bytes[WINDOW];
	size_t n, at;
};

static struct walk *walk_from(uint64_t row, uint64_t off)
{
	static struct walk w;
	w.row = row;
	w.off = off;
	w.n = w.at = 0;
	return &w;
}

/* The next row's bytes; 0: no whole one is left. */
static size_t walk_next(const struct courier_task *j, struct walk *w, bool last)
{
	size_t len = gitea_row(w->bytes + w->at, w->n - w->at,
			       last && w->off + w->n - w->at == j->size);
	if (len == 0 && w->off < j->size) {
		w->at = 0;
		w->n = window(j, w->off, w->bytes);
		len = gitea_row(w->bytes, w->n, last && w->off + w->n == j->size);
	}
	return len;
}

static void walk_over(struct walk *w, size_t len)
{
	w->at += len;
	w->off += len;
	w->row++;
}

/* From the row that w is at to row `rows`, or byte `off`, or the log's end. */
static void walk_to(const struct courier_task *j, struct walk *w, uint64_t rows, uint64_t off)
{
	size_t len;
	while (w->row < rows && w->off < off && (len = walk_next(j, w, j->ended)) > 0)
		walk_over(w, len);
}

/* The server has another number of rows than we thought. */
static void seek(struct courier_task *j)
{
	struct gitea_ship *ship = &own_of(j)->ship;
	if (ship->want == ship->row)
		return;
	struct walk *w = walk_from(ship->row, ship->off);
	walk_to(j, w, ship->want, UINT64_MAX);
	gitea_ship_seek(ship, w->row, w->off);
}

/* How many rows begin before byte off: events come in the log's order. */
static uint64_t rows_before(struct courier_task *j, uint64_t off)
{
	struct gitea_task *own = own_of(j);
	struct walk *w = walk_from(own->counted_rows, own->counted_off);
	if (j->size < off) /* so long it is, as the event knows */
		j->size = off;
	walk_to(j, w, UINT64_MAX, off);
	own->counted_rows = w->row;
	own->counted_off = w->off;
	return w->row;
}

/* --- what the journal says ---------------------------------------------------------------------- */

static struct gitea_step *step_of(struct courier_task *j, const struct journal_record *r)
{
	struct gitea_task *own = own_of(j);
	uint64_t i;
	if (!str_u64(journal_get(r, "index"), GITEA_STEPS_MAX - 1, &i))
		return NULL;
	if (i >= own->nsteps)
		own->nsteps = (size_t)i + 1;
	own->ship.news = true;
	return &own->steps[i];
}

static void step_started(struct courier_task *j, const struct journal_record *r)
{
	struct gitea_step *s = step_of(j, r);
	if (!s)
		return;
	s->started_us = r->t_us;
	s->row = rows_before(j, r->off);
}

struct result_row {
	const char *word;
	enum gitea_result result;
};

static const struct result_row results[] = {
	{ "success", GITEA_SUCCESS },
	{ "failure", GITEA_FAILURE },
	{ "cancelled", GITEA_CANCELLED },
	{ "skipped", GITEA_SKIPPED },
};

static void step_ended(struct courier_task *j, const struct journal_record *r)
{
	struct gitea_step *s = step_of(j, r);
	if (!s)
		return;
	uint64_t rows = rows_before(j, r->off);
	s->result = GITEA_FAILURE;
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (strcmp(results[i].word, journal_get(r, "result")) == 0)
			s->result = results[i].result;
	s->stopped_us = r->t_us;
	if (!s->started_us) { /* skipped: it has no rows, and stands where the log is */
		s->started_us = r->t_us;
		s->row = rows;
	}
	s->rows = rows - s->row;
}

struct event_row {
	const char *kind;
	void (*take)(struct courier_task *j, const struct journal_record *r);
};

static void job_ended(struct courier_task *j, const struct journal_record *r)
{
	own_of(j)->stopped_us = r->t_us;
}

static void job_skipped(struct courier_task *j, const struct journal_record *r)
{
	(void)r;
	own_of(j)->skipped = true;
}

/* "NAME":"value" behind the others. What does not fit is left out: a worker says no more than that. */
static int add_output(struct gitea_task *own, const char *name, struct err *e)
{
	struct buf *b = &own->outputs;
	if ((b->len && buf_char(b, ',', e) < 0) || str_json(b, name, strlen(name), e) < 0 ||
	    buf_char(b, ':', e) < 0)
		return -1;
	return str_json(b, buf_cstr(&own->value), own->value.len, e);
}

static void output_set(struct courier_task *j, const struct journal_record *r)
{
	struct gitea_task *own = own_of(j);
	struct err e = { 0 };
	own->value.max = OUTPUT_MAX;
	own->outputs.max = OUTPUTS_JSON_MAX;
	size_t before = own->outputs.len;
	int ok = buf_str(&own->value, journal_get(r, "value"), &e);
	if (ok == 0 && *journal_get(r, "more"))
		return;
	if (ok == 0)
		ok = add_output(own, journal_get(r, "name"), &e);
	if (ok < 0) {
		own->outputs.len = before;
		log_warn("an output is left out", "err", e.msg, NULL);
	}
	buf_clear(&own->value);
}

void gitea_task_done(struct courier_task *j)
{
	buf_done(&own_of(j)->outputs);
	buf_done(&own_of(j)->value);
}

static const struct event_row events[] = {
	{ "output", output_set },   { "skipped", job_skipped }, { "step_start", step_started },
	{ "step_end", step_ended }, { "verdict", job_ended },
};

void gitea_task_event(struct courier_task *j, const struct journal_record *r)
{
	struct gitea_task *own = own_of(j);
	if (!own->started_us)
		own->started_us = r->t_us;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (strcmp(events[i].kind, r->kind) == 0)
			events[i].take(j, r);
}

/* --- states ------------------------------------------------------------------------------------- */

/* The end of the job ends what was not: its worker may have died. When that was. */
static uint64_t end_all(struct gitea_task *own, enum gitea_result result)
{
	uint64_t at = own->stopped_us ? own->stopped_us : clock_wall_us();
	for (size_t i = 0; i < own->nsteps; i++) {
		struct gitea_step *s = &own->steps[i];
		if (s->stopped_us)
			continue;
		s->stopped_us = at;
		s->result = !s->started_us            ? GITEA_SKIPPED
			    : result == GITEA_SUCCESS ? GITEA_FAILURE
						      : result;
	}
	return at;
}

static int state_build(struct courier_task *j, enum gitea_result result, struct forge_request *ret,
		       struct err *e)
{
	struct gitea_task *own = own_of(j);
	struct gitea_runner g = { j->site->url, secret_expose(&j->token) };
	if (!own->started_us)
		own->started_us = clock_wall_us();
	struct gitea_state s = {
		.id = j->id,
		.result = result,
		.started_us = own->started_us,
		.steps = own->steps,
		.nsteps = own->nsteps,
	};
	if (result != GITEA_UNSPECIFIED) {
		s.stopped_us = end_all(own, result);
		s.outputs = &own->outputs;
	}
	own->ship.news = false;
	return gitea_update_task(&g, &s, ret, e);
}

int gitea_task_state(struct courier_task *j, enum forge_state what, struct forge_request *ret,
		     struct err *e)
{
	return state_build(j, what == FORGE_CANCELED ? GITEA_CANCELLED : GITEA_UNSPECIFIED, ret, e);
}

enum forge_accept gitea_task_accepted(struct courier_task *j, const struct http_reply *r)
{
	enum gitea_result there = GITEA_UNSPECIFIED;
	struct err e = { 0 };
	enum gitea_code code = gitea_code(r);
	(void)j;
	if (code == GITEA_NOT_FOUND || code == GITEA_UNAUTHENTICATED)
		return FORGE_ACCEPT_DROP;
	if (code != GITEA_OK || gitea_state_read(r, &there, &e) < 0)
		return FORGE_ACCEPT_GO;
	return there == GITEA_UNSPECIFIED ? FORGE_ACCEPT_GO : FORGE_ACCEPT_CANCELED;
}

static enum gitea_result result_of(const struct courier_task *j)
{
	if (strcmp(j->fault, "cancelled") == 0)
		return GITEA_CANCELLED;
	if (j->success)
		return own_of(j)->skipped ? GITEA_SKIPPED : GITEA_SUCCESS;
	return GITEA_FAILURE;
}

/* --- shipping ----------------------------------------------------------------------------------- */

void gitea_task_begin(struct courier_task *j, uint64_t now_ms)
{
	struct gitea_ship *ship = &own_of(j)->ship;
	gitea_ship_init(ship, j->site->final_retries, now_ms);
	ship->unsure = (j->cookie & COURIER_ADOPTED) != 0;
}

/* Rows from where the server stands, as many as one request takes, into rows. */
static int gather(struct courier_task *j, struct gitea_rows *rows, struct err *e)
{
	struct gitea_task *own = own_of(j);
	struct walk *w = walk_from(own->ship.row, own->ship.off);
	size_t len;
	while (rows->json.len < GITEA_BATCH && (len = walk_next(j, w, j->ended)) > 0) {
		if (gitea_rows_add(rows, w->bytes + w->at, len, clock_wall_us(), e) < 0)
			return -1;
		walk_over(w, len);
	}
	own->sent = (struct gitea_sent){
		.rows = rows->n,
		.bytes = w->off - own->ship.off,
		.no_more = j->ended && !own->ship.unsure && w->off >= j->size,
	};
	own->sent.blank = (own->sent.no_more || own->ship.unsure) && rows->n == 0;
	return own->sent.blank ? gitea_rows_add(rows, "", 0, clock_wall_us(), e) : 0;
}

static int rows_build(struct courier_task *j, struct forge_request *ret, struct err *e)
{
	struct gitea_task *own = own_of(j);
	struct gitea_runner g = { j->site->url, secret_expose(&j->token) };
	struct gitea_rows rows = { .json = BUF(ROWS_JSON_MAX) };
	int r = gather(j, &rows, e);
	if (r == 0) {
		struct gitea_log l = {
			.id = j->id,
			.index = own->ship.row,
			.n = rows.n,
			.rows = &rows.json,
			.no_more = own->sent.no_more,
		};
		r = gitea_update_log(&g, &l, ret, e);
	}
	buf_done(&rows.json);
	return r;
}

/* Whether there is a row to send; at the end one can always be made. */
static bool any_row(struct courier_task *j)
{
	struct gitea_ship *ship = &own_of(j)->ship;
	return j->ended || walk_next(j, walk_from(ship->row, ship->off), false) > 0;
}

struct forge_next gitea_task_next(struct courier_task *j, uint64_t now_ms)
{
	static const enum hub_call kinds[] = {
		[GITEA_ROWS] = HUB_TRACE,
		[GITEA_STATE] = HUB_ALIVE,
		[GITEA_FINAL] = HUB_FINAL,
	};
	struct gitea_task *own = own_of(j);
	own->ship.size = j->size;
	own->ship.ended = j->ended;
	seek(j);
	own->asked = gitea_ship_next(&own->ship, now_ms);
	if (own->asked.todo == GITEA_ROWS && !any_row(j)) {
		gitea_ship_stuck(&own->ship);
		own->asked = gitea_ship_next(&own->ship, now_ms);
	}
	if (own->asked.todo == GITEA_OVER)
		return (struct forge_next){ .todo = FORGE_OVER,
					    .delivered = own->ship.delivered,
					    .text = own->ship.text };
	if (own->asked.todo == GITEA_WAIT)
		return (struct forge_next){ .todo = FORGE_WAIT, .at_ms = own->asked.at_ms };
	return (struct forge_next){ .todo = FORGE_ASK, .call = kinds[own->asked.todo] };
}

int gitea_task_build(struct courier_task *j, struct forge_request *ret, struct err *e)
{
	if (own_of(j)->asked.todo == GITEA_ROWS)
		return rows_build(j, ret, e);
	return state_build(
		j, own_of(j)->asked.todo == GITEA_FINAL ? result_of(j) : GITEA_UNSPECIFIED, ret, e);
}

enum forge_news gitea_task_heard(struct courier_task *j, uint64_t now_ms,
				 const struct http_reply *r)
{
	struct gitea_task *own = own_of(j);
	if (own->asked.todo == GITEA_ROWS) {
		gitea_ship_heard_rows(&own->ship, now_ms, &own->sent, r);
		return FORGE_NO_NEWS;
	}
	bool end = gitea_ship_heard_state(&own->ship, now_ms, own->asked.todo == GITEA_FINAL, r);
	if (!end)
		return FORGE_NO_NEWS;
	/* a task that the server no longer has is not worth its patience */
	return gitea_code(r) == GITEA_OK ? FORGE_CANCEL : FORGE_ABORT;
}
