/* Artifacts of needed jobs: brought by the carrier, unpacked by the archiver. */
#include "base/clock.h"
#include "base/fd.h"
#include "executor/carrier.h"
#include "executor/flags.h"
#include "executor/worker_files.h"
#include "executor/worker_roles.h"

/* What another job's archive may be on this runner's disk. */
static const uint64_t download_max = (uint64_t)32 << 30;

struct needed {
	struct worker *w;
	struct worker_roles *roles;
	const struct job_dependency *d;
	struct worker_heard heard;
};

static int bring(struct needed *n, int file, struct err *e)
{
	struct worker *w = n->w;
	uint64_t now = clock_ms(), end = w->deadline.at_ms;
	struct carrier_download from = {
		.from = { .url = w->settings.server_url,
			  .token = n->d->token,
			  .job = n->d->id,
			  .timeout_s = end > now ? (unsigned)((end - now) / 1000 + 1) : 1 },
		.direct = flags_on(w->vars, "FF_USE_DIRECT_DOWNLOAD"),
		.max_bytes = download_max,
		.file = file,
	};
	automsg m;
	int sock = worker_carrier(w, n->roles, e);
	if (sock < 0)
		return -1;
	carrier_put_download(&m, &from);
	if (msg_send(sock, &m, e) < 0 || worker_hear_carrier(w, sock, &n->heard, e) < 0)
		return -1;
	joblog_sayf(&w->log, SAY_PLAIN,
		    "Downloading artifacts from coordinator... ok  id=%llu responseStatus=%s "
		    "size=%llu",
		    (unsigned long long)n->d->id, n->heard.text,
		    (unsigned long long)n->heard.bytes);
	return 0;
}

static int unpack(struct needed *n, int file, struct err *e)
{
	struct worker *w = n->w;
	automsg m;
	int sock = worker_archiver(w, n->roles, e);
	if (sock < 0)
		return -1;
	msg_init(&m, ARCHIVER_UNPACK);
	msg_put_str(&m, w->project_dir);
	msg_put_fd(&m, file);
	if (msg_send(sock, &m, e) < 0 || worker_hear_archiver(w, sock, &n->heard, e) != 0)
		return -1;
	joblog_sayf(&w->log, SAY_PLAIN, "Extracted %llu files (%llu bytes)",
		    (unsigned long long)n->heard.result.files,
		    (unsigned long long)n->heard.result.bytes);
	return 0;
}

static int get(struct needed *n, struct err *e)
{
	n->heard.fault = SOURCES_INTERNAL;
	autofd file = worker_spool(n->w, e);
	if (file < 0 || bring(n, file, e) < 0)
		return -1;
	n->heard.fault = SOURCES_INTERNAL;
	return unpack(n, file, e);
}

static int get_one(struct worker *w, struct worker_roles *roles, const struct job_dependency *d)
{
	struct err e = { 0 };
	struct needed n = { .w = w, .roles = roles, .d = d };
	unsigned long long id = d->id;
	joblog_sayf(&w->log, SAY_PLAIN, "Downloading artifacts for %s (%llu)...", d->name, id);
	if (!w->settings.server_url[0]) {
		joblog_say(&w->log, SAY_WARNING,
			   "WARNING: not downloaded: this job has no coordinator");
		return 0;
	}
	if (get(&n, &e) == 0)
		return 0;
	joblog_sayf(&w->log, SAY_ERROR, "ERROR: Downloading artifacts... %s  id=%llu", e.msg, id);
	if (e.code == ECANCELED && w->stop)
		worker_stop_verdict(w);
	else
		verdict_set(&w->verdict, worker_ending_of(n.heard.fault),
			    "artifacts of %s (%llu): %s", d->name, id, e.msg);
	return -1;
}

int worker_dependencies(struct worker *w)
{
	autoroles roles = WORKER_ROLES;
	size_t n = 0;
	int r = 0;
	for (size_t i = 0; i < w->job->ndependencies; i++)
		n += w->job->dependencies[i].file[0] != '\0';
	if (n == 0)
		return 0;
	worker_phase(w, PHASE_SOURCES);
	joblog_section(&w->log, "download_artifacts", "Downloading artifacts");
	for (size_t i = 0; r == 0 && i < w->job->ndependencies; i++)
		if (w->job->dependencies[i].file[0])
			r = get_one(w, &roles, &w->job->dependencies[i]);
	joblog_section(&w->log, NULL, NULL);
	return r;
}
