/* The phases secrets and sources, and what lies between: the sandbox is there, its files written. */
#include "executor/worker_sources.h"
#include "executor/worker_step.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "executor/flags.h"
#include "executor/secrets.h"
#include "executor/sources.h"
#include "executor/worker_files.h"
#include "protocol/job_workflow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail(struct worker *w, enum ending ending, const struct err *e)
{
	if (e->code == ECANCELED && w->stop)
		worker_stop_verdict(w);
	else
		verdict_set(&w->verdict, ending, "%s", e->msg);
	return -1;
}

/* say_fn on a struct worker: secrets and sources hand one argument to all their callbacks. */
static void say(void *worker, enum say_style style, const char *line)
{
	struct worker *w = worker;
	joblog_say(&w->log, style, line);
}

/* --- secrets ------------------------------------------------------------------------------------ */

static const enum ending endings[] = {
	[SECRETS_NONE] = ENDING_INFRA,        [SECRETS_CONFIG] = ENDING_CONFIG,
	[SECRETS_EXTERNAL] = ENDING_EXTERNAL, [SECRETS_SYSTEM] = ENDING_INFRA,
	[SECRETS_MISSING] = ENDING_CONFIG,
};

static struct secrets_job secrets_of(struct worker *w)
{
	return (struct secrets_job){
		.secrets = w->job->secrets,
		.n = w->job->nsecrets,
		.vars = w->vars,
		.arena = &w->arena,
		.keeper = w->keeper,
		.fail_if_missing = flags_on(w->vars, "FF_SECRET_RESOLVING_FAILS_IF_MISSING"),
		.back_off = flags_on(w->vars, "FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY"),
		.say = say,
		.wait = worker_wait_fd,
		.arg = w,
	};
}

static int start_keeper(struct worker *w, struct err *e)
{
	automsg m;
	msg_init(&m, GATE_KEEPER);
	msg_put_u64(&m, w->job->id);
	msg_put_u32(&m, w->job->timeout_s);
	if (worker_ask(w, &m, e) < 0)
		return err_wrap(e, "keeper");
	w->keeper = msg_get_fd(&w->reply);
	return msg_end(&w->reply, e);
}

/* The gate answers one request at a time: the sandbox was asked for first. */
int worker_secrets(struct worker *w)
{
	struct err e = { 0 };
	if (worker_box_open(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	if (w->job->nsecrets == 0)
		return 0;
	worker_phase(w, PHASE_SECRETS);
	joblog_section(&w->log, "resolve_secrets", "Resolving secrets");
	if (start_keeper(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	struct secrets_job s = secrets_of(w);
	int r = secrets_resolve(&s, &e);
	if (r < 0)
		return fail(w, endings[s.failure], &e);
	joblog_section(&w->log, NULL, NULL);
	if (worker_masks(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	return 0;
}

void worker_secrets_leave(struct worker *w)
{
	struct err e = { 0 };
	if (w->keeper < 0)
		return;
	struct secrets_job s = secrets_of(w);
	s.wait = NULL; /* a cancel does not keep us from giving back what was lent */
	if (secrets_leave(&s, &e) < 0)
		joblog_sayf(&w->log, SAY_WARNING, "WARNING: secrets: %s", e.msg);
	fd_close(&w->keeper);
}

/* --- the sandbox -------------------------------------------------------------------------------- */

static int write_files(struct worker *w, struct err *e)
{
	for (size_t i = 0; i < vars_count(w->vars); i++) {
		const struct var *v = vars_at(w->vars, i);
		if ((v->flags & VAR_FILE) &&
		    worker_box_file(w, v->key, v->content, v->content_n, e) < 0)
			return -1;
	}
	return worker_box_files_wait(w, e);
}

static void say_environment(struct worker *w, const char *notes)
{
	if (!w->image.record && !w->services.n)
		joblog_section(&w->log, "prepare_executor", "Preparing the \"courser\" executor");
	if (w->image.record)
		joblog_sayf(&w->log, SAY_PLAIN,
			    "Using the image in a sandbox, network profile %s...",
			    w->settings.network);
	else
		joblog_sayf(&w->log, SAY_PLAIN,
			    "Using Shell (%s) executor in a sandbox, network profile %s...",
			    w->settings.shell, w->settings.network);
	for (const char *s = notes; *s;) {
		size_t n = strcspn(s, "\n");
		joblog_sayf(&w->log, SAY_PLAIN, "%.*s", (int)n, s);
		s += n + (s[n] == '\n');
	}
	joblog_section(&w->log, "prepare_script", "Preparing environment");
	joblog_sayf(&w->log, SAY_PLAIN, "Running on %s...", w->settings.hostname);
}

/* --- sources ------------------------------------------------------------------------------------ */

static int ask_fetcher(void *worker, const char *url, enum fetch_whose whose, struct err *e)
{
	struct worker *w = worker;
	automsg m;
	msg_init(&m, GATE_FETCHER);
	msg_put_u32(&m, whose);
	msg_put_str(&m, url);
	if (worker_ask(w, &m, e) < 0)
		return err_wrap(e, "fetcher");
	int fd = msg_get_fd(&w->reply);
	return msg_end(&w->reply, e) < 0 ? -1 : fd;
}

static int ask_packer(void *worker, struct err *e)
{
	struct worker *w = worker;
	automsg m;
	msg_init(&m, GATE_PACKER);
	if (worker_ask(w, &m, e) < 0)
		return err_wrap(e, "packer");
	int fd = msg_get_fd(&w->reply);
	return msg_end(&w->reply, e) < 0 ? -1 : fd;
}

static bool interrupted(void *worker)
{
	struct worker *w = worker;
	struct err e = { 0 };
	return loop_once(w->loop, &e) < 0 || w->stop >= w->until;
}

enum ending worker_ending_of(enum sources_fault f)
{
	static const enum ending rows[SOURCES_FAULTS] = {
		[SOURCES_OK] = ENDING_INFRA,
		[SOURCES_CONFIG] = ENDING_CONFIG,
		[SOURCES_AUTH] = ENDING_CONFIG,
		[SOURCES_NOT_FOUND] = ENDING_CONFIG,
		[SOURCES_NETWORK] = ENDING_EXTERNAL,
		[SOURCES_TIMEOUT] = ENDING_EXTERNAL,
		[SOURCES_PROTOCOL] = ENDING_EXTERNAL,
		[SOURCES_DISK] = ENDING_INFRA,
		[SOURCES_CORRUPT] = ENDING_INFRA,
		[SOURCES_HOSTILE] = ENDING_CONFIG,
		[SOURCES_CANCELLED] = ENDING_CANCELLED,
		[SOURCES_INTERNAL] = ENDING_INFRA,
	};
	return rows[f];
}

/* One script of a hook: the job's lines or the operator's. What it came to is in the verdict. */
static int run_hook_script(struct worker *w, const char *name, const char *const *lines, size_t n)
{
	struct err e = { 0 };
	struct worker_step s = { .name = name, .lines = lines, .nlines = n, .until = STOP_CANCEL };
	if (worker_step_run(w, &s, &e) < 0)
		return fail(w, e.code == E2BIG ? ENDING_CONFIG : ENDING_INFRA, &e);
	if (s.stopped)
		worker_stop_verdict(w);
	else if (s.code && verdict_set(&w->verdict, ENDING_SCRIPT, "exit status %d", s.code)) {
		w->verdict.exit_code = s.code;
		verdict_evidence(&w->verdict, "%s; last command: %s", name, s.last_command);
	}
	return s.stopped || s.code ? -1 : 0;
}

static int run_jobs_hook(struct worker *w, const char *name)
{
	for (size_t i = 0; i < w->job->nhooks; i++) {
		const struct job_hook *h = &w->job->hooks[i];
		if (strcmp(h->name, name) == 0 && h->nlines &&
		    run_hook_script(w, name, h->lines, h->nlines) < 0)
			return -1;
	}
	return 0;
}

static int run_operators_hook(struct worker *w, const char *name, const char *script)
{
	return script[0] ? run_hook_script(w, name, &script, 1) : 0;
}

/* The operator's go around the job's. */
static int before_sources(struct worker *w)
{
	static const char name[] = "pre_get_sources_script";
	int r = run_operators_hook(w, name, w->settings.pre_get_sources);
	return r < 0 ? -1 : run_jobs_hook(w, name);
}

static int after_sources(struct worker *w)
{
	static const char name[] = "post_get_sources_script";
	int r = run_jobs_hook(w, name);
	return r < 0 ? -1 : run_operators_hook(w, name, w->settings.post_get_sources);
}

static int copy_snapshot(void *worker, struct err *e)
{
	return worker_box_copy(worker, e);
}

static void offer_snapshot(void *worker, int refs)
{
	struct worker *w = worker;
	struct err e = { 0 };
	automsg m;
	msg_init(&m, GATE_SNAPSHOT);
	msg_put_str(&m, w->snapshot);
	msg_put_str(&m, w->job->sources.sha);
	msg_put_str(&m, w->job->sources.url);
	msg_put_fd(&m, refs);
	if (w->supervisor.fd >= 0 && msg_send(w->supervisor.fd, &m, &e) < 0)
		log_info("snapshot", "err", e.msg, NULL);
}

struct sources_job worker_sources_job(struct worker *w)
{
	return (struct sources_job){
		.objects = "/run/mirror",
		.whose = FETCH_OWN,
		.deadline_ms = w->settings.get_sources_ms ? clock_ms() + w->settings.get_sources_ms
							  : w->deadline.at_ms,
		.say = say,
		.fetcher = ask_fetcher,
		.packer = ask_packer,
		.interrupted = interrupted,
		.watch_fd = loop_fd(w->loop),
		.arg = w,
	};
}

/* The operator's clone_url, or what the server says. */
const char *worker_server_url(const struct worker *w)
{
	return *w->settings.clone_url ? w->settings.clone_url : w->job->workflow->server_url;
}

static int get(struct worker *w, const struct sources_plan *plan)
{
	struct err e = { 0 };
	bool hooks = plan->strategy == SOURCES_FETCH || plan->strategy == SOURCES_CLONE;
	struct sources_job s = worker_sources_job(w);
	s.from = &w->job->sources;
	s.plan = plan;
	s.tree = w->project_dir;
	s.tree_kept = plan->kept;
	s.copy = w->box.snapshot ? copy_snapshot : NULL;
	s.offer = w->snapshot[0] && !w->settings.alone ? offer_snapshot : NULL;
	if (hooks && before_sources(w) < 0)
		return -1;
	if (sources_get(&s, &e) < 0)
		return fail(w, worker_ending_of(s.fault), &e);
	return hooks ? after_sources(w) : 0;
}

int worker_sources(struct worker *w)
{
	struct err e = { 0 };
	struct sources_plan plan;
	say_environment(w, w->box_notes);
	if (write_files(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	if (worker_services_start(w) < 0)
		return -1;
	loop_timer_clear(w->loop, &w->preparation);
	if (w->job->sources.url[0] == '\0' || w->job->sources.by_step)
		return 0;
	worker_phase(w, PHASE_SOURCES);
	if (sources_plan(w->job, w->vars, &w->arena, &plan, &e) < 0)
		return fail(w, ENDING_CONFIG, &e);
	if (plan.warnings[0])
		joblog_sayf(&w->log, SAY_WARNING, "WARNING: %s", plan.warnings);
	joblog_section(&w->log, "get_sources", "Getting source from Git repository");
	int r = get(w, &plan);
	joblog_section(&w->log, NULL, NULL);
	return r;
}
