/* The phase prepare: payload, variables, masks, the first lines of the log, the sandbox. */
#include "executor/worker.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/str.h"
#include "executor/flags.h"
#include "executor/vars_default.h"
#include "executor/worker_action.h"
#include "executor/worker_containers.h"
#include "executor/worker_masks.h"
#include "protocol/job_workflow.h"

#include <stdio.h>
#include <string.h>

enum { PAYLOAD_MAX = 8 << 20, SETTINGS_MAX = 8 << 20 };

/* --- what the job is ---------------------------------------------------------------------------- */

/* "" is the first. */
static int choose_forge(struct worker *w, struct err *e)
{
	const char *name = w->settings.forge;
	for (size_t i = 0; *name && w->forges[i]; i++)
		if (strcmp(w->forges[i]->name, name) == 0) {
			w->forge = w->forges[i];
			return 0;
		}
	return *name ? err_set(e, EINVAL, "settings: forge: %.40s is unknown", name) : 0;
}

static int read_settings(struct worker *w, struct err *e)
{
	autobuf b = BUF(SETTINGS_MAX);
	if (fd_read_all(WORKER_SETTINGS, &b, e) < 0)
		return err_wrap(e, "settings");
	if (settings_read(buf_cstr(&b), &w->arena, &w->settings, e) < 0)
		return -1;
	return choose_forge(w, e);
}

static int read_payload(struct worker *w, struct err *e)
{
	autopages g = { 0 };
	if (pages_map_file(&g, WORKER_PAYLOAD, e) < 0)
		return err_wrap(e, "payload");
	if (g.size > PAYLOAD_MAX)
		return err_set(e, E2BIG, "the payload is larger than %d MiB", PAYLOAD_MAX >> 20);
	w->job = w->forge->parse(g.p ? g.p : "", g.size, &w->arena, e);
	return w->job ? 0 : -1;
}

/* --- variables ---------------------------------------------------------------------------------- */

/* The operator's clone_url: where the server's own name for itself is of no use here. */
static int use_clone_url(struct worker *w, struct err *e)
{
	const char *base = w->settings.clone_url;
	size_t n = strlen(base);
	while (n && base[n - 1] == '/')
		n--;
	if (!n || !w->job->sources.url[0])
		return 0;
	struct job *copy = arena_new(&w->arena, struct job, e);
	if (!copy)
		return -1;
	*copy = *w->job;
	copy->sources.url = arena_printf(&w->arena, e, "%.*s/%s.git", (int)n, base,
					 w->job->project_path);
	w->job = copy;
	return copy->sources.url ? 0 : -1;
}

static int paths(struct worker *w, struct err *e)
{
	const char *project = w->job->project_path[0] ? w->job->project_path : "project";
	w->project_dir = arena_printf(&w->arena, e, "%s/%s", w->settings.builds_dir, project);
	if (!w->project_dir)
		return -1;
	w->files_dir = arena_printf(&w->arena, e, "%s.tmp", w->project_dir);
	return w->files_dir ? 0 : -1;
}

static int set_image(struct worker *w, struct err *e)
{
	if (vars_set(w->vars, "CI_JOB_IMAGE", w->image.name, VAR_PUBLIC | VAR_RAW, e) < 0)
		return -1;
	return vars_resolve(w->vars, e);
}

/* The image that the operator gave to a label; NULL: none, or another label. */
static const char *image_of_label(struct worker *w, const char *name, struct err *e)
{
	static const char mark[] = ":docker:";
	size_t len = strlen(name);
	for (const char *s = w->settings.labels; *s; s += *s == '\n') {
		size_t n = strcspn(s, "\n"), lead = len + sizeof mark - 1;
		const char *arg = s + lead;
		if (n > lead && strncmp(s, name, len) == 0 &&
		    strncmp(s + len, mark, sizeof mark - 1) == 0) {
			arg += str_starts(arg, "//") ? 2 : 0;
			return arena_strndup(&w->arena, arg, (size_t)(s + n - arg), e);
		}
		s += n;
	}
	return NULL;
}

/* A workflow job without a container runs where the first of its labels says. */
static int use_label(struct worker *w, struct err *e)
{
	const struct job_workflow *flow = w->job->workflow;
	for (size_t i = 0; flow && i < flow->nruns_on; i++) {
		const char *image = image_of_label(w, flow->runs_on[i], e);
		if (!image && e->code)
			return -1;
		if (image) {
			w->settings.image = image;
			return 0;
		}
	}
	return 0;
}

static int build_vars(struct worker *w, struct err *e)
{
	const struct settings *s = &w->settings;
	struct vars_facts facts = {
		.builds_dir = s->builds_dir,
		.project_dir = w->project_dir,
		.temp_dir = w->files_dir,
		.concurrent_id = s->concurrent_id,
		.concurrent_project_id = s->concurrent_project_id,
		.timeout_s = w->job->timeout_s,
		.short_token = s->short_token,
		.version = VERSION,
		.tls_ca = s->ca_file,
		.environment = s->environment,
	};
	w->vars = vars_new(&w->arena, e);
	autobuf warnings = BUF(16 << 10);
	bool image = w->job->image.name[0] || s->image[0]; /* it brings its own environment */
	if (!w->vars || (!image && vars_login(w->vars, e) < 0) ||
	    vars_default(w->vars, w->job, &facts, e) < 0 ||
	    flags_check(w->vars, s->feature_flags, &warnings, e) < 0)
		return -1;
	w->warnings = arena_strdup(&w->arena, buf_cstr(&warnings), e);
	w->image.asked = &w->job->image;
	if (!w->warnings || vars_resolve(w->vars, e) < 0 ||
	    worker_image_name(w, &w->image, s->image, e) < 0)
		return -1;
	return w->image.name[0] ? set_image(w, e) : 0;
}

/* --- the first lines ---------------------------------------------------------------------------- */

static void say_warnings(struct worker *w, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		joblog_sayf(&w->log, SAY_WARNING, "WARNING: %.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void say_header(struct worker *w)
{
	const struct settings *s = &w->settings;
	joblog_sayf(&w->log, SAY_PLAIN, "Running with courser %s", VERSION);
	joblog_sayf(&w->log, SAY_PLAIN, "  on %s %s, system ID: %s", s->runner_name, s->short_token,
		    s->system_id);
	say_warnings(w, w->warnings);
	say_warnings(w, w->services.remarks);
	say_warnings(w, redact_set_warnings(w->masks));
	if (!redact_set_locked(w->masks))
		joblog_say(
			&w->log, SAY_WARNING,
			"WARNING: the memory lock limit is too small to keep secrets out of swap");
}

/* --- the trace ---------------------------------------------------------------------------------- */

static int open_log(struct worker *w, struct err *e)
{
	w->trace = trace_new(&w->journal, w->settings.output_limit,
			     w->forge->stamped || !w->vars || flags_on(w->vars, "FF_TIMESTAMPS"),
			     e);
	if (!w->trace || joblog_init(&w->log, w->forge, &w->journal, w->trace, e) < 0)
		return -1;
	w->log.sections = w->job && w->job->trace_sections;
	return worker_masks(w, e);
}

/* --- what cannot be done ------------------------------------------------------------------------ */

struct refusal {
	const char *what;
	bool asked;
};

static int refuse_unsupported(struct worker *w)
{
	const struct job *j = w->job;
	const struct refusal rows[] = {
		{ "`run:`", j->has_run },
	};
	if (j->workflow && *j->workflow->refusal &&
	    verdict_set(&w->verdict, ENDING_UNSUPPORTED, "%s", j->workflow->refusal))
		return -1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].asked &&
		    verdict_set(&w->verdict, ENDING_UNSUPPORTED,
				"the job asks for %s, which this version of courser does not have",
				rows[i].what))
			return -1;
	return worker_uses_check(w);
}

static int fail(struct worker *w, enum ending ending, const struct err *e)
{
	verdict_set(&w->verdict, ending, "%s", e->msg);
	return -1;
}

/* What the configuration says about a job like this one. */
static int adapt(struct worker *w, struct err *e)
{
	if (use_clone_url(w, e) < 0 || use_label(w, e) < 0 || paths(w, e) < 0 ||
	    worker_containers(w, e) < 0)
		return -1;
	return build_vars(w, e) < 0 ? -1 : worker_services_name(w, e);
}

/* With a payload that cannot be read there is still a log, and the reason in it. */
static int understand(struct worker *w)
{
	struct err why = { 0 }, e = { 0 };
	int r = read_settings(w, &why);
	if (r == 0)
		r = read_payload(w, &why);
	if (r == 0)
		r = adapt(w, &why);
	if (open_log(w, &e) < 0) {
		w->log.broken = e;
		return fail(w, ENDING_INFRA, &e);
	}
	say_header(w);
	return r < 0 ? fail(w, w->job ? ENDING_CONFIG : ENDING_PAYLOAD, &why) : 0;
}

static int wait_go(struct worker *w)
{
	struct err e = { 0 };
	if (worker_wait(w, &w->go, STOP_CANCEL, &e) == 0)
		return 0;
	worker_stop_verdict(w);
	return -1;
}

static int give_up(struct worker *w)
{
	wait_go(w);
	return -1;
}

/* A hook may leave something in the tree: then it is emptied and checked out. */
static void name_snapshot(struct worker *w)
{
	struct sources_plan plan;
	struct err e = { 0 };
	if (w->job->sources.url[0] && !w->job->sources.by_step && w->job->nhooks == 0 &&
	    !w->settings.pre_get_sources[0] &&
	    sources_plan(w->job, w->vars, &w->arena, &plan, &e) == 0)
		sources_snapshot_key(w->job, &plan, w->snapshot);
}

/* Services first, as a sandbox is asked for when the job's own is here. */
static int get_images(struct worker *w)
{
	joblog_section(&w->log, "prepare_executor", "Preparing the \"courser\" executor");
	if (worker_services_get(w) < 0)
		return -1;
	return w->image.name[0] ? worker_image_get(w, &w->image) : 0;
}

int worker_prepare(struct worker *w)
{
	struct err e = { 0 };
	if (understand(w) < 0)
		return give_up(w);
	if (refuse_unsupported(w) < 0)
		return give_up(w);
	name_snapshot(w);
	bool images = w->image.name[0] != '\0' || w->services.n;
	if (!images && worker_box_ask(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	worker_queue_time(w);
	if (w->settings.prepare_ms)
		loop_timer(w->loop, &w->preparation, w->settings.prepare_ms);
	loop_timer(w->loop, &w->deadline, (uint64_t)w->job->timeout_s * 1000);
	if (wait_go(w) < 0 || (images && get_images(w) < 0))
		return -1;
	if (images && worker_box_ask(w, &e) < 0)
		return fail(w, ENDING_INFRA, &e);
	return 0;
}
