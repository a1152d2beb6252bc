#include "executor/worker_service.h"

#include "base/clock.h"
#include "base/str.h"
#include "executor/service_box.h"
#include "executor/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = SANDBOX_ALIASES - 1, LOOK_MS = 100 };

static int fail(struct service_box *s, enum ending ending, const struct err *e)
{
	struct worker *w = s->w;
	if (e->code == ECANCELED && w->stop)
		worker_stop_verdict(w);
	else
		verdict_set(&w->verdict, ending, "service %s: %s", s->name, e->msg);
	return -1;
}

/* --- what they are -------------------------------------------------------------------------------- */

static int name_one(struct service_box *s, struct buf *names, struct err *e)
{
	struct worker *w = s->w;
	size_t first = names->len;
	if (worker_image_name(w, &s->image, "", e) < 0)
		return err_wrap(e, "service");
	if (!s->image.name[0])
		return err_set(e, EINVAL, "a service has no image");
	const char *alias = vars_expand(w->vars, &w->arena, s->image.asked->alias, e);
	const char *of_image = s->how ? "" : s->image.name;
	if (!alias || service_names(of_image, alias, names, &s->bad_names, e) < 0)
		return err_wrap(e, "service %.120s", s->image.name);
	s->absent = names->len == first;
	const char *mine = alias + strspn(alias, ", ");
	if (!*mine)
		mine = buf_cstr(names) + first + strspn(buf_cstr(names) + first, " ");
	s->name = s->absent ? s->image.name
			    : arena_strndup(&w->arena, mine, strcspn(mine, ", "), e);
	return s->name ? 0 : -1;
}

static int name_all(struct worker *w, struct err *e)
{
	autobuf names = BUF(NAMES_MAX);
	for (size_t i = 0; i < w->services.n; i++) {
		struct service_box *s = &w->services.list[i];
		const struct workflow_container *how = w->services.how ? &w->services.how[i] : NULL;
		*s = (struct service_box){
			.w = w,
			.image = { .asked = &w->job->services[i],
				   .login = how ? &how->login : NULL,
				   .hold = -1 },
			.how = how,
			.health = { .how = how && *how->options.health.command
						   ? &how->options.health
						   : NULL,
				    .id = 1,
				    .out = -1 },
			.init = -1,
			.pidfd = -1,
			.environ = -1,
			.control = { .fd = -1 },
			.output = { .fd = -1 },
		};
		if (name_one(s, &names, e) < 0)
			return -1;
	}
	w->services.aliases = arena_strdup(&w->arena, buf_cstr(&names), e);
	return w->services.aliases ? 0 : -1;
}

int worker_services_name(struct worker *w, struct err *e)
{
	struct worker_services *all = &w->services;
	size_t n = w->job->nservices;
	if (n == 0)
		return 0;
	if (n > GATE_SERVICES)
		return err_set(e, EINVAL, "%zu services, at most %d", n, GATE_SERVICES);
	all->list = arena_array(&w->arena, n, sizeof *all->list, e);
	all->n = all->list ? n : 0;
	return all->list ? name_all(w, e) : -1;
}

int worker_services_get(struct worker *w)
{
	for (size_t i = 0; i < w->services.n; i++) {
		struct service_box *s = &w->services.list[i];
		if (s->bad_names)
			joblog_sayf(&w->log, SAY_WARNING,
				    "WARNING: service %s: %u names that no host can have are left "
				    "out",
				    s->name, s->bad_names);
		if (s->absent)
			joblog_sayf(&w->log, SAY_WARNING,
				    "WARNING: Service %s is already created. Ignoring.", s->name);
		else if (worker_image_get(w, &s->image) < 0)
			return -1;
	}
	return 0;
}

/* --- the beginning -------------------------------------------------------------------------------- */

int worker_services_start(struct worker *w)
{
	struct worker_services *all = &w->services;
	all->begun_ms = clock_ms();
	if (all->n && strcmp(w->settings.network, "host") == 0)
		joblog_say(&w->log, SAY_WARNING,
			   "WARNING: network profile host: services listen on this machine's own "
			   "ports, where others reach them and other jobs have theirs");
	for (size_t i = 0; i < all->n; i++) {
		struct service_box *s = &all->list[i];
		struct err e = { 0 };
		if (s->absent || service_box_begin(s, &e) == 0)
			continue;
		bool theirs = s->failed || e.code == EINVAL || e.code == E2BIG;
		return fail(s, theirs ? ENDING_CONFIG : ENDING_INFRA, &e);
	}
	return 0;
}

/* --- waiting -------------------------------------------------------------------------------------- */

static bool late(const struct worker *w)
{
	return clock_ms() - w->services.begun_ms >= w->settings.services_wait_ms;
}

/* The time since they began counts: sources were got meanwhile. Who is asked by a command has its own times. */
static bool pending(const struct service_box *s)
{
	if (s->absent || s->ended)
		return false;
	if (s->health.how)
		return !s->health.healthy && !s->health.failed;
	return s->nports && !s->answers && !late(s->w);
}

/* Ask each that does not answer yet; how many there are. */
static size_t look(struct worker *w, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < w->services.n; i++) {
		struct service_box *s = &w->services.list[i];
		if (!pending(s))
			continue;
		n++;
		if (s->health.how)
			service_health_look(s);
		else if (s->listed && sandbox_init_ports(s->init, s->ports, s->nports, e) == 0)
			s->listed = false;
	}
	return n;
}

static void say_late(struct service_box *s, uint64_t ms)
{
	struct joblog *log = &s->w->log;
	char text[32];
	str_duration_text(ms, text, sizeof text);
	joblog_sayf(log, SAY_WARNING, "*** WARNING: Service %s probably didn't start properly.",
		    s->name);
	if (s->ended)
		joblog_sayf(log, SAY_WARNING, "It ended: %s", s->end);
	else
		joblog_sayf(log, SAY_WARNING, "Health check error: no answer on port %u%s after %s",
			    s->ports[0], s->nports > 1 ? " or any other of its image's" : "", text);
	service_log_say_tail(&s->log);
	joblog_say(log, SAY_WARNING, "*********");
}

/* A service that says itself that it is not up fails the job; -1 then. */
static int judge(struct service_box *s)
{
	const struct service_health *h = &s->health;
	if (s->absent || h->healthy)
		return 0;
	if (!h->how) {
		if (s->nports && !s->answers && s->w->settings.services_wait_ms)
			say_late(s, s->w->settings.services_wait_ms);
		return 0;
	}
	if (s->ended)
		verdict_set(&s->w->verdict, ENDING_CONFIG,
			    "service %s has ended (%s) and was never healthy", s->name, s->end);
	else
		verdict_set(&s->w->verdict, ENDING_CONFIG, "service %s is unhealthy", s->name);
	if (h->said[0])
		verdict_evidence(&s->w->verdict, "--health-cmd: %s", h->said);
	return -1;
}

static int sum_up(struct worker *w)
{
	int r = 0;
	for (size_t i = 0; i < w->services.n; i++)
		if (judge(&w->services.list[i]) < 0)
			r = -1;
	return r;
}

int worker_services_wait(struct worker *w)
{
	struct err e = { 0 };
	if (look(w, &e))
		joblog_say(&w->log, SAY_PLAIN, "Waiting for services to be up and running...");
	for (int ms = 1; look(w, &e);) {
		if (worker_wait_fd(w, -1, ms, &e) < 0) {
			worker_stop_verdict(w);
			return -1;
		}
		ms = 2 * ms < LOOK_MS ? 2 * ms : LOOK_MS;
	}
	return sum_up(w);
}

/* --- the end -------------------------------------------------------------------------------------- */

void worker_services_close(struct worker *w)
{
	for (size_t i = 0; i < w->services.n; i++)
		service_box_end(&w->services.list[i]);
}

void worker_services_report(struct worker *w)
{
	for (size_t i = 0; i < w->services.n; i++) {
		struct service_box *s = &w->services.list[i];
		if (s->ended && !s->failed && w->verdict.ending != ENDING_SUCCESS) {
			size_t at = strlen(w->verdict.evidence);
			snprintf(w->verdict.evidence + at, sizeof w->verdict.evidence - at,
				 "%sservice %s had ended (%s)", at ? "; " : "", s->name, s->end);
			joblog_sayf(&w->log, SAY_WARNING,
				    "WARNING: Service %s ended before the job: %s", s->name,
				    s->end);
			if (!s->how)
				service_log_say_tail(&s->log);
		}
		if (s->how && s->log.log)
			service_log_say_section(&s->log);
		service_log_done(&s->log);
	}
}

void worker_services_hello(const struct worker *w, struct msg *m)
{
	for (size_t i = 0; i < w->services.n && m->nfds < MSG_FDS; i++)
		if (w->services.list[i].pidfd >= 0)
			msg_put_fd(m, w->services.list[i].pidfd);
}
