#include "executor/worker.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "executor/worker_files.h"

#include <string.h>

enum { ARENA_MAX = 64 << 20 };

static int setup(struct worker *w, const struct forge_job *const *forges, struct err *e)
{
	*w = (struct worker){
		.forges = forges,
		.forge = forges[0],
		.arena = ARENA(ARENA_MAX),
		.started_ms = clock_ms(),
		.phase = PHASE_PREPARE,
		.charged = PHASE_PREPARE,
		.phase_since_ms = clock_ms(),
		.box = { .init = -1,
			 .pidfd = -1,
			 .src = { .fd = -1 },
			 .opened = { .fd = -1 },
			 .image = &w->image,
			 .files_dir = "" },
		.services = { .aliases = "", .remarks = "" },
		.image = { .name = "", .platform = "", .user = "", .hold = -1 },
		.keeper = -1,
		.until = STOP_CANCEL,
		.box_notes = "",
		.warnings = "",
		.project_dir = "",
		.files_dir = "",
	};
	w->here = &w->box;
	usage_init(&w->box.usage);
	w->loop = loop_new(e);
	if (!w->loop || worker_gate_init(w, e) < 0)
		return -1;
	return journal_init(&w->journal, WORKER_LOG, WORKER_EVENTS, WORKER_DOORBELL, e);
}

static void teardown(struct worker *w)
{
	if (w->trace)
		joblog_done(&w->log);
	trace_free(w->trace);
	usage_done(&w->box.usage);
	redact_set_free(w->masks);
	msg_done(&w->reply);
	loop_free(w->loop);
	arena_done(&w->arena);
}

/* The order of a job. What failed decides what still runs; the end always comes. */
static void run_phases(struct worker *w)
{
	worker_phase(w, PHASE_PREPARE);
	if (worker_prepare(w) < 0 || worker_secrets(w) < 0 || worker_sources(w) < 0)
		return;
	worker_restore_caches(w);
	if (worker_dependencies(w) < 0 || worker_services_wait(w) < 0)
		return;
	worker_phase(w, PHASE_STEPS);
	if (worker_steps(w) < 0)
		log_debug("the steps ended early", NULL);
	worker_phase(w, PHASE_AFTER);
	worker_after(w);
	worker_phase(w, PHASE_UPLOAD);
	worker_upload(w);
}

int worker_run(const struct forge_job *const *forges, struct err *e)
{
	struct worker w;
	if (setup(&w, forges, e) < 0)
		return -1;
	run_phases(&w);
	worker_phase(&w, PHASE_CLEANUP);
	worker_secrets_leave(&w);
	worker_services_close(&w);
	worker_box_close(&w);
	int r = w.trace ? worker_report(&w, e) : err_set(e, EIO, "%s", w.verdict.what);
	teardown(&w);
	return r;
}
