/* The phase upload: what the job made goes to the coordinator, after everything of the job has ended. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "executor/archive_format.h"
#include "executor/carrier.h"
#include "executor/parcel.h"
#include "executor/provenance.h"
#include "executor/worker_files.h"
#include "executor/worker_roles.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256, PREDICATE_BYTES = 4 << 20 };

/* What an archive may become on this runner's disk. */
static const uint64_t spool_max = (uint64_t)32 << 30;

struct upload {
	struct worker *w;
	struct worker_roles *roles;
	const struct job_artifact *a;
	char filename[NAME_BYTES + 16];
	struct parcel parcel;
	struct carrier_upload to;
	int pipe[2];
	struct worker_heard packed, carried;
};

static const char *type_of(const struct job_artifact *a)
{
	return a->type[0] ? a->type : "archive";
}

/* --- what is asked for -------------------------------------------------------------------------- */

const char *const *worker_expand_all(struct worker *w, const char *const *texts, size_t n,
				     struct err *e)
{
	const char **list = (const char **)arena_array(&w->arena, n + 1, sizeof *list, e);
	for (size_t i = 0; list && i < n; i++) {
		list[i] = vars_expand(w->vars, &w->arena, texts[i], e);
		if (!list[i])
			return NULL;
	}
	return list;
}

/* The last part of the name; what is no name is "default", none at all "artifacts". */
static int set_name(struct upload *u, struct err *e)
{
	const char *name = vars_expand(u->w->vars, &u->w->arena, u->a->name, e);
	char *copy = name ? arena_strdup(&u->w->arena, name, e) : NULL;
	if (!copy)
		return -1;
	for (size_t n = strlen(copy); n && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	const char *slash = strrchr(copy, '/'), *last = slash ? slash + 1 : copy;
	if (!u->a->name[0])
		last = "artifacts";
	else if (!last[0] || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		last = "default";
	u->parcel.name = last;
	return 0;
}

static int set_predicate(struct upload *u, struct err *e)
{
	struct worker *w = u->w;
	bool wanted = false;
	autobuf b = BUF(PREDICATE_BYTES);
	uint64_t now = clock_wall_us();
	struct provenance p = {
		.job = w->job,
		.vars = w->vars,
		.runner = w->settings.runner_name,
		.server_url = w->settings.server_url,
		.started_us = now - (clock_ms() - w->started_ms) * 1000,
		.finished_us = now,
	};
	u->parcel.predicate = "";
	if (!str_bool(vars_get(w->vars, "RUNNER_GENERATE_ARTIFACTS_METADATA"), &wanted) || !wanted)
		return 0;
	if (provenance_write(&p, &b, e) < 0)
		return -1;
	u->parcel.predicate = arena_strndup(&w->arena, buf_cstr(&b), b.len, e);
	return u->parcel.predicate ? 0 : -1;
}

static int set_parcel(struct upload *u, struct err *e)
{
	struct worker *w = u->w;
	const struct job_artifact *a = u->a;
	enum archive_format format = ARCHIVE_ZIP;
	u->parcel = (struct parcel){
		.tree = w->project_dir,
		.format = a->format[0] ? a->format : "zip",
		.level = vars_get(w->vars, "ARTIFACT_COMPRESSION_LEVEL"),
		.paths = worker_expand_all(w, a->paths, a->npaths, e),
		.npaths = a->npaths,
		.excludes = worker_expand_all(w, a->excludes, a->nexcludes, e),
		.nexcludes = a->nexcludes,
		.untracked = a->untracked,
		.limit = spool_max,
	};
	if (!u->parcel.paths || !u->parcel.excludes || set_name(u, e) < 0 ||
	    set_predicate(u, e) < 0)
		return -1;
	if (!archive_format_named(u->parcel.format, &format))
		return err_set(e, EINVAL, "artifact format \"%.40s\" is not known",
			       u->parcel.format);
	snprintf(u->filename, sizeof u->filename, "%.*s%s", NAME_BYTES, u->parcel.name,
		 archive_suffix(format));
	return 0;
}

/* --- the two roles ------------------------------------------------------------------------------ */

static int start_packing(struct upload *u, int spool, struct err *e)
{
	autobuf text = BUF(PARCEL_BYTES_MAX);
	int sock = worker_archiver(u->w, u->roles, e);
	if (sock < 0 || parcel_write(&u->parcel, &text, e) < 0)
		return -1;
	autofd parcel = fd_sealed("parcel", buf_cstr(&text), text.len, e);
	if (parcel < 0)
		return -1;
	automsg m;
	msg_init(&m, ARCHIVER_PACK);
	msg_put_u32(&m, u->pipe[1] >= 0);
	msg_put_fd(&m, parcel);
	msg_put_fd(&m, spool);
	if (u->pipe[1] >= 0)
		msg_put_fd(&m, u->pipe[1]);
	int r = msg_send(sock, &m, e);
	fd_close(&u->pipe[1]);
	return r;
}

static int start_carrying(struct upload *u, int spool, struct err *e)
{
	struct worker *w = u->w;
	uint64_t now = clock_ms(), end = w->deadline.at_ms;
	struct carrier_upload to = {
		.to = { .url = w->settings.server_url,
			.token = w->job->token,
			.job = w->job->id,
			.timeout_s = end > now ? (unsigned)((end - now) / 1000 + 1) : 1 },
		.type = type_of(u->a),
		.format = u->a->format,
		.expire_in = u->a->expire_in,
		.filename = u->filename,
		.spool = spool,
		.pipe = u->pipe[0],
	};
	automsg m;
	int sock = worker_carrier(w, u->roles, e);
	if (sock < 0)
		return -1;
	carrier_put_upload(&m, &to);
	int r = msg_send(sock, &m, e);
	fd_close(&u->pipe[0]);
	return r;
}

static bool has_coordinator(const struct upload *u)
{
	return u->w->settings.server_url[0] != '\0';
}

/* Both work at once. The one that failed by itself is the one to blame. */
static int finish_both(struct upload *u, struct err *e)
{
	struct err packing = { 0 }, carrying = { 0 };
	int packed = worker_hear_archiver(u->w, u->roles->archiver, &u->packed, &packing);
	int carried = 0;
	if (packing.code != ECANCELED && has_coordinator(u))
		carried = worker_hear_carrier(u->w, u->roles->carrier, &u->carried, &carrying);
	if (carried < 0 && (packed >= 0 || u->carried.fault != SOURCES_CANCELLED)) {
		*e = carrying;
		u->packed.fault = u->carried.fault;
		return -1;
	}
	if (packed < 0)
		*e = packing;
	return packed < 0 ? -1 : 0;
}

/* 1 it is with the coordinator, 0 there was nothing, -1 failed: u->packed.fault. */
static int pack_and_carry(struct upload *u, struct err *e)
{
	u->packed.fault = SOURCES_INTERNAL;
	autofd spool = worker_spool(u->w, e);
	if (spool < 0)
		return -1;
	if (has_coordinator(u) && pipe2(u->pipe, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	if (start_packing(u, spool, e) < 0)
		return -1;
	int found = worker_hear_archiver(u->w, u->roles->archiver, &u->packed, e);
	if (found <= 0)
		return found < 0 ? -1 : err_set(e, EPROTO, "archiver: it did not look");
	if (u->packed.found == 0)
		return worker_hear_archiver(u->w, u->roles->archiver, &u->packed, e) < 0 ? -1 : 0;
	if (has_coordinator(u) && start_carrying(u, spool, e) < 0)
		return -1;
	return finish_both(u, e) < 0 ? -1 : 1;
}

/* --- what is said ------------------------------------------------------------------------------- */

static void say_sent(struct upload *u)
{
	struct worker *w = u->w;
	unsigned long long size = u->packed.result.size;
	if (!has_coordinator(u))
		joblog_sayf(&w->log, SAY_PLAIN,
			    "Not uploading artifacts as \"%s\": this job has no coordinator "
			    "(%llu bytes were packed)",
			    type_of(u->a), size);
	else
		joblog_sayf(&w->log, SAY_PLAIN,
			    "Uploading artifacts as \"%s\" to coordinator... %s  id=%llu size=%llu",
			    type_of(u->a), u->carried.text, (unsigned long long)w->job->id, size);
}

static void say_failed(struct upload *u, const struct err *e)
{
	struct worker *w = u->w;
	joblog_sayf(&w->log, SAY_ERROR, "ERROR: Uploading artifacts as \"%s\" to coordinator... %s",
		    type_of(u->a), e->msg);
	if (e->code == ECANCELED && w->stop)
		worker_stop_verdict(w);
	else
		verdict_set(&w->verdict, worker_ending_of(u->packed.fault),
			    "uploading artifacts: %s", e->msg);
}

static void upload_one(struct worker *w, struct worker_roles *roles, const struct job_artifact *a)
{
	struct err e = { 0 };
	struct upload u = { .w = w, .roles = roles, .a = a, .pipe = { -1, -1 } };
	joblog_say(&w->log, SAY_PLAIN, "Uploading artifacts...");
	u.packed.fault = SOURCES_CONFIG;
	int r = set_parcel(&u, &e);
	if (r == 0)
		r = pack_and_carry(&u, &e);
	if (r > 0)
		say_sent(&u);
	else if (r == 0)
		joblog_say(&w->log, SAY_ERROR, "ERROR: No files to upload");
	else {
		say_failed(&u, &e);
		worker_roles_done(roles); /* whatever they were at, the next begins anew */
	}
	fd_close(&u.pipe[0]);
	fd_close(&u.pipe[1]);
}

/* --- the phase ---------------------------------------------------------------------------------- */

bool worker_wanted(enum job_when when, bool success)
{
	return when == JOB_ALWAYS || (when == JOB_ON_SUCCESS) == success;
}

static bool wants_any(const struct worker *w, bool success, bool artifacts)
{
	bool any = false;
	for (size_t i = 0; artifacts && i < w->job->nartifacts; i++)
		any |= worker_wanted(w->job->artifacts[i].when, success);
	for (size_t i = 0; !artifacts && i < w->job->ncaches; i++)
		any |= worker_wanted(w->job->caches[i].when, success);
	return any;
}

static void upload_all(struct worker *w, bool success)
{
	autoroles roles = WORKER_ROLES;
	joblog_section(&w->log,
		       success ? "upload_artifacts_on_success" : "upload_artifacts_on_failure",
		       success ? "Uploading artifacts for successful job"
			       : "Uploading artifacts for failed job");
	for (size_t i = 0; i < w->job->nartifacts && w->stop < w->until; i++)
		if (worker_wanted(w->job->artifacts[i].when, success))
			upload_one(w, &roles, &w->job->artifacts[i]);
	joblog_section(&w->log, NULL, NULL);
}

void worker_upload(struct worker *w)
{
	struct err e = { 0 };
	bool success = w->verdict.ending == ENDING_SUCCESS;
	bool artifacts = wants_any(w, success, true), caches = wants_any(w, success, false);
	if (w->stop >= STOP_TIMEOUT || (!artifacts && !caches))
		return;
	w->until = STOP_TIMEOUT;
	if (worker_box_quiet(w, &e) < 0) {
		joblog_sayf(&w->log, SAY_ERROR, "ERROR: neither caches nor artifacts are saved: %s",
			    e.msg);
		if (artifacts)
			verdict_set(&w->verdict, ENDING_INFRA, "before uploading artifacts: %s",
				    e.msg);
		return;
	}
	if (caches)
		worker_save_caches(w, success);
	if (artifacts)
		upload_all(w, success);
}
