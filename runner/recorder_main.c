/* courser-recorder: the ledger and the metrics. fd 3 is the supervisor (recorder.h), fd 4 the directory
 * of the ledger, fd 5 a listening TCP socket if there shall be metrics. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runner/ledger.h"
#include "runner/metrics.h"
#include "runner/metrics_http.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { SUPERVISOR = 3, DIRECTORY, LISTENER };
enum { NOFILE = 64, AGAIN_MS = 30 * 1000, TRIM_AT = 64 << 10 };

struct recorder {
	struct source source;
	struct loop *loop;
	struct metrics *metrics;
	struct ledger *ledger;
	struct timer again; /* for a ledger that could not be opened */
	struct metrics_http *http;
	bool serves, ready, over;
	char ready_text[256];
};

/* --- what the supervisor tells ------------------------------------------------------------------ */

static void on_started(struct recorder *r, const void *m)
{
	(void)m;
	metrics_add(r->metrics, "courser_jobs_started_total", "", 1);
}

static void observe(struct recorder *r, const struct recorder_job_ended *j)
{
	char labels[96];
	snprintf(labels, sizeof labels, "state=%.32s,fault=%.32s", j->state, j->fault);
	metrics_add(r->metrics, "courser_jobs_finished_total", labels, 1);
	snprintf(labels, sizeof labels, "state=%.32s", j->state);
	if (j->timed >> PHASES & 1)
		metrics_observe(r->metrics, "courser_job_duration_seconds", labels, j->ms[PHASES]);
	if (j->timed >> PHASE_QUEUE & 1)
		metrics_observe(r->metrics, "courser_job_queue_seconds", "", j->ms[PHASE_QUEUE]);
	for (unsigned p = 0; p < PHASES; p++) {
		snprintf(labels, sizeof labels, "phase=%s", phase_name((enum phase)p));
		if (j->timed >> p & 1)
			metrics_observe(r->metrics, "courser_job_phase_seconds", labels, j->ms[p]);
	}
}

static void ledger_failed(struct recorder *r, const char *name, const struct err *e)
{
	metrics_add(r->metrics, "courser_ledger_errors_total", "", 1);
	log_error("a job is not in the ledger", "job", name, "err", e->msg, NULL);
}

static void on_ended(struct recorder *r, const void *m)
{
	const struct recorder_job_ended *j = m;
	struct err e = { 0 };
	observe(r, j);
	if (!r->ledger)
		err_set(&e, ENOENT, "there is none");
	if (!r->ledger || ledger_add(r->ledger, j, &e) < 0)
		ledger_failed(r, j->name, &e);
}

static void on_gauge(struct recorder *r, const void *m)
{
	const struct recorder_gauge *g = m;
	metrics_set(r->metrics, g->name, g->labels, g->value);
}

static void on_counter(struct recorder *r, const void *m)
{
	const struct recorder_counter_add *c = m;
	metrics_add(r->metrics, c->name, c->labels, c->value);
}

static void on_ready(struct recorder *r, const void *m)
{
	const struct recorder_ready *told = m;
	r->ready = told->ready != 0;
	snprintf(r->ready_text, sizeof r->ready_text, "%s", told->text);
	metrics_set(r->metrics, "courser_ready", "", r->ready);
}

static void (*const handlers[RECORDER_TYPES])(struct recorder *r, const void *m) = {
	[RECORDER_JOB_STARTED] = on_started, [RECORDER_JOB_ENDED] = on_ended,
	[RECORDER_GAUGE] = on_gauge,         [RECORDER_COUNTER_ADD] = on_counter,
	[RECORDER_READY] = on_ready,
};

union any_message {
	struct recorder_job_started started;
	struct recorder_job_ended ended;
	struct recorder_gauge gauge;
	struct recorder_counter_add counter;
	struct recorder_ready ready;
};

/* One message: 1 handled, 0 none there, -1 the end. */
static int take_one(struct recorder *r)
{
	struct err e = { 0 };
	union any_message fields;
	automsg m;
	int got = msg_recv(SUPERVISOR, &m, &e);
	if (got < 0 && e.code == EAGAIN)
		return 0;
	if (got == 0)
		return -1;
	if (got > 0 && recorder_take(&m, &fields, &e) == 0) {
		handlers[m.type](r, &fields);
		return 1;
	}
	log_error("a message of the supervisor is not understood", "err", e.msg, NULL);
	return -1;
}

static void told(struct source *s, uint32_t events)
{
	struct recorder *r = (struct recorder *)(void *)s;
	int got;
	(void)events;
	do
		got = take_one(r);
	while (got > 0);
	r->over = got < 0;
}

/* --- what is asked over HTTP -------------------------------------------------------------------- */

static int page_metrics(struct recorder *r, const char *accept, struct metrics_page *ret,
			struct err *e)
{
	bool open_metrics = strstr(accept, "application/openmetrics-text") != NULL;
	ret->type = open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				 : "text/plain; version=0.0.4; charset=utf-8";
	return metrics_text(r->metrics, open_metrics, &ret->body, e);
}

static int page_health(struct recorder *r, const char *accept, struct metrics_page *ret,
		       struct err *e)
{
	(void)r;
	(void)accept;
	return buf_str(&ret->body, "ok\n", e);
}

static int page_ready(struct recorder *r, const char *accept, struct metrics_page *ret,
		      struct err *e)
{
	(void)accept;
	ret->status = r->ready ? 200 : 503;
	return buf_printf(&ret->body, e, "%s\n",
			  r->ready_text[0] ? r->ready_text : (r->ready ? "ready" : "not ready"));
}

static const struct {
	const char *path;
	int (*fill)(struct recorder *r, const char *accept, struct metrics_page *ret,
		    struct err *e);
} pages[] = {
	{ "/metrics", page_metrics },
	{ "/healthz", page_health },
	{ "/readyz", page_ready },
};

static int page(void *arg, const char *path, const char *accept, struct metrics_page *ret,
		struct err *e)
{
	ret->status = 200;
	ret->type = "text/plain; charset=utf-8";
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (strcmp(pages[i].path, path) == 0)
			return pages[i].fill(arg, accept, ret, e);
	ret->status = 404;
	return buf_str(&ret->body, "/metrics, /healthz, /readyz\n", e);
}

/* --- the role ----------------------------------------------------------------------------------- */

static void open_ledger(struct recorder *r)
{
	struct err e = { 0 };
	r->ledger = ledger_open(&e);
	if (r->ledger)
		return;
	log_error("no ledger", "err", e.msg, NULL);
	loop_timer(r->loop, &r->again, AGAIN_MS);
}

static void again(struct timer *t)
{
	open_ledger((struct recorder *)(void *)((char *)t - offsetof(struct recorder, again)));
}

static int serve(struct recorder *r, struct err *e)
{
	const struct metrics_site site = { page, r };
	r->loop = loop_new(e);
	r->metrics = metrics_new(e);
	if (!r->loop || !r->metrics)
		return -1;
	metrics_set(r->metrics, "courser_build_info", "version=" VERSION, 1);
	metrics_set(r->metrics, "courser_ready", "", 0);
	metrics_set(r->metrics, "courser_start_timestamp_seconds", "",
		    (double)clock_wall_us() / 1e6);
	r->source = (struct source){ SUPERVISOR, told };
	open_ledger(r);
	if (r->serves) {
		r->http = metrics_http_new(r->loop, LISTENER, &site, e);
		if (!r->http)
			return -1;
	}
	if (fd_nonblock(SUPERVISOR, 1, e) < 0 || loop_watch(r->loop, &r->source, EPOLLIN, e) < 0)
		return -1;
	malloc_trim(0); /* what confining and opening took */
	return loop_until(r->loop, &r->over, e);
}

static int confine(const char *ids, struct err *e)
{
	static const struct confine_path paths[] = {
		{ DIRECTORY, "", CONFINE_READ | CONFINE_WRITE },
		{ AT_FDCWD, "/dev/urandom", CONFINE_READ | CONFINE_OPTIONAL },
	};
	struct confine c = {
		.profile = "recorder",
		.nofile = NOFILE,
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
	};
	if (confine_ids(&c, ids, e) < 0)
		return -1;
	if (fchdir(DIRECTORY) < 0)
		return err_sys(e, "the ledger's directory");
	return confine_role(&c, e);
}

int main(int argc, char **argv)
{
	struct recorder r = { .again.fire = again };
	struct err e = { 0 };
	log_setup("recorder");
	r.serves = fcntl(LISTENER, F_GETFD) >= 0; /* before another fd takes its number */
	mallopt(M_TRIM_THRESHOLD, TRIM_AT);
	if (confine(argc > 1 ? argv[1] : "-", &e) < 0 || serve(&r, &e) < 0) {
		log_error("recorder ends", "err", e.msg, NULL);
		return 1;
	}
	metrics_http_free(r.http);
	ledger_close(r.ledger);
	metrics_free(r.metrics);
	loop_free(r.loop);
	return 0;
}
