#include "runner/bulletin.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[BULLETIN_STATES] = {
	[BULLETIN_OFFERED] = "offered",     [BULLETIN_WAITING] = "waiting",
	[BULLETIN_RUNNING] = "running",     [BULLETIN_ENDING] = "ending",
	[BULLETIN_REPORTING] = "reporting",
};

static enum bulletin_state state_of(const struct slot *s)
{
	if (s->state == SLOT_WAITING)
		return BULLETIN_WAITING;
	return s->state == SLOT_RUNNING ? BULLETIN_RUNNING : BULLETIN_ENDING;
}

static uint64_t now_s(void)
{
	return clock_wall_us() / 1000000;
}

/* --- jobs --------------------------------------------------------------------------------------- */

static void count_jobs(const struct intake *in, unsigned *ret)
{
	memset(ret, 0, BULLETIN_STATES * sizeof *ret);
	for (unsigned n = 0; n < in->host->nslots; n++) {
		const struct slot *s = in->host->slots[n];
		if (s && s->state != SLOT_FREE)
			ret[state_of(s)]++;
	}
	ret[BULLETIN_OFFERED] = offers_count(in->offers);
	ret[BULLETIN_REPORTING] = in->reports.n;
}

static void tell_jobs(struct bulletin *b, bool all)
{
	unsigned now[BULLETIN_STATES];
	char labels[32];
	count_jobs(b->intake, now);
	for (size_t i = 0; i < BULLETIN_STATES; i++) {
		if (!all && now[i] == b->jobs[i])
			continue;
		snprintf(labels, sizeof labels, "state=%s", states[i]);
		recorder_tell_gauge(b->recorder, "courser_jobs", labels, now[i]);
		b->jobs[i] = now[i];
	}
}

/* --- readiness ---------------------------------------------------------------------------------- */

static bool forge_answers(const struct bulletin *b)
{
	for (size_t i = 0; i < b->nhealth; i++)
		if (b->health[i].ok)
			return true;
	return false;
}

static const char *not_ready(const struct bulletin *b)
{
	if (b->intake->draining)
		return "draining: no new jobs";
	if (b->intake->floor.low)
		return "too little room on the disk: no new jobs";
	return forge_answers(b) ? NULL : "no coordinator has answered";
}

static void tell_ready(struct bulletin *b, bool again)
{
	const char *why = not_ready(b);
	struct recorder_ready m = { why == NULL, why ? why : "ready" };
	if (!again && b->text && strcmp(b->text, m.text) == 0)
		return;
	b->text = m.text;
	recorder_tell(b->recorder, RECORDER_READY, &m);
}

/* --- registrations ------------------------------------------------------------------------------ */

/* Its row; made when there is none. NULL: no memory, or no such registration. */
static struct bulletin_health *health_of(struct bulletin *b, uint32_t idx)
{
	for (size_t i = 0; i < b->nhealth; i++)
		if (b->health[i].idx == idx)
			return &b->health[i];
	struct bulletin_health *rows = realloc(b->health, (b->nhealth + 1) * sizeof *rows);
	if (!rows)
		return NULL;
	b->health = rows;
	rows[b->nhealth] = (struct bulletin_health){ .idx = idx };
	return &rows[b->nhealth++];
}

static void tell_health(const struct bulletin *b, const struct bulletin_health *h)
{
	const struct registry_row *r = registry_at(b->intake->registry, h->idx);
	char labels[200];
	if (!r || r->gone || !h->told)
		return;
	snprintf(labels, sizeof labels, "registration=%.150s", r->wire.name);
	recorder_tell_gauge(b->recorder, "courser_registration_healthy", labels, h->ok);
	if (h->ok_s)
		recorder_tell_gauge(b->recorder, "courser_last_poll_success_timestamp_seconds",
				    labels, (double)h->ok_s);
}

void bulletin_health(struct bulletin *b, const struct courier_health *from)
{
	const struct registry_row *r = registry_at(b->intake->registry, from->idx);
	struct bulletin_health *h = r && !r->gone ? health_of(b, from->idx) : NULL;
	if (!h)
		return;
	h->told = true;
	h->ok = from->ok != 0;
	if (h->ok)
		h->ok_s = now_s();
	tell_health(b, h);
	tell_ready(b, false);
}

/* What is no longer configured does not count any more. */
static void forget_gone(struct bulletin *b)
{
	size_t kept = 0;
	for (size_t i = 0; i < b->nhealth; i++) {
		const struct registry_row *r = registry_at(b->intake->registry, b->health[i].idx);
		if (r && !r->gone)
			b->health[kept++] = b->health[i];
	}
	b->nhealth = kept;
}

/* --- the configuration -------------------------------------------------------------------------- */

static void tell_config(const struct bulletin *b)
{
	recorder_tell_gauge(b->recorder, "courser_config_last_reload_success", "", b->reload_ok);
	recorder_tell_gauge(b->recorder, "courser_config_last_reload_success_timestamp_seconds", "",
			    (double)b->reload_s);
	recorder_tell_gauge(b->recorder, "courser_slots", "",
			    (double)b->intake->registry->config->concurrent);
}

void bulletin_reloaded(struct bulletin *b, bool ok)
{
	b->reload_ok = ok;
	if (ok)
		b->reload_s = now_s();
	forget_gone(b);
	tell_config(b);
	tell_ready(b, false);
}

/* --- the recorder ------------------------------------------------------------------------------- */

/* A recorder that has just begun knows nothing. */
static void tell_all(void *arg)
{
	struct bulletin *b = arg;
	tell_jobs(b, true);
	tell_config(b);
	for (size_t i = 0; i < b->nhealth; i++)
		tell_health(b, &b->health[i]);
	tell_ready(b, true);
}

void bulletin_init(struct bulletin *b, const struct intake *in)
{
	*b = (struct bulletin){ .intake = in, .reload_ok = true, .reload_s = now_s() };
}

int bulletin_open(struct bulletin *b, struct host *h, const char *listen, struct err *e)
{
	const struct recorder_link_options o = {
		.loop = h->loop,
		.libexec = h->libexec,
		.state = h->state.dir,
		.priv = &h->priv,
		.listen = listen,
		.begun = tell_all,
		.arg = b,
	};
	b->recorder = recorder_link_open(&o, e);
	if (!b->recorder)
		return -1;
	tell_all(b);
	return 0;
}

void bulletin_close(struct bulletin *b)
{
	recorder_link_close(b->recorder);
	b->recorder = NULL;
	free(b->health);
	b->health = NULL;
	b->nhealth = 0;
}

void bulletin_changed(struct bulletin *b)
{
	tell_jobs(b, false);
	tell_ready(b, false);
}

void bulletin_restarted(struct bulletin *b, const char *role)
{
	char labels[64];
	snprintf(labels, sizeof labels, "role=%s", role);
	recorder_tell_count(b->recorder, "courser_role_restarts_total", labels, 1);
}

void bulletin_started(struct bulletin *b, const struct slot_label *l)
{
	const struct recorder_job_started m = { l->registration, l->project_id, l->id };
	recorder_tell(b->recorder, RECORDER_JOB_STARTED, &m);
}

void bulletin_ended(struct bulletin *b, const char *name, const struct slot_label *l,
		    const struct slot_result *r)
{
	struct recorder_job_ended m = {
		.name = name,
		.registration = l->registration,
		.project = l->project,
		.project_id = l->project_id,
		.job_id = l->id,
		.ended_us = clock_wall_us(),
		.state = r->state,
		.reason = r->reason,
		.fault = r->fault,
		.exit_code = (uint32_t)r->exit_code,
	};
	for (unsigned p = 0; p <= PHASES; p++) {
		m.timed |= (uint32_t)r->timed[p] << p;
		m.ms[p] = r->ms[p];
	}
	log_info("job ended", "job", name, "state", r->state, "fault", r->fault, NULL);
	recorder_tell(b->recorder, RECORDER_JOB_ENDED, &m);
}

/* --- status ------------------------------------------------------------------------------------- */

static int say_slot(struct control_reply *to, const struct slot *s, struct err *e)
{
	const struct control_slot c = {
		.number = s->number,
		.job = s->id,
		.state = states[state_of(s)],
		.registration = s->label.registration,
		.project = s->label.project,
		.phase = phase_name(s->phase),
		.ms = clock_ms() - s->started_ms,
	};
	return control_say(to, &c, e);
}

static int say_report(struct control_reply *to, const struct report *r, struct err *e)
{
	const struct control_slot c = {
		.job = r->label.id,
		.state = states[BULLETIN_REPORTING],
		.registration = r->label.registration,
		.project = r->label.project,
		.phase = "",
		.ms = clock_ms() - r->since_ms,
	};
	return control_say(to, &c, e);
}

int bulletin_status(const struct bulletin *b, struct control_reply *to, struct err *e)
{
	const struct intake *in = b->intake;
	for (unsigned n = 0; n < in->host->nslots; n++) {
		const struct slot *s = in->host->slots[n];
		if (s && s->state != SLOT_FREE && say_slot(to, s, e) < 0)
			return -1;
	}
	for (const struct report *r = in->reports.first; r; r = r->next)
		if (say_report(to, r, e) < 0)
			return -1;
	return 0;
}
