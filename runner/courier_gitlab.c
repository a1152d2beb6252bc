/* GitLab in the courier: asking for jobs, and the life of a registration's token. */
#include "runner/courier_gitlab.h"

#include "base/clock.h"
#include "base/log.h"
#include "protocol/gitlab_reply.h"
#include "protocol/url.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
	HELD_MS = 5 * 1000, /* a poll under way for longer is held by the server */
	ROTATE_RETRY_MS = 60 * 1000,
	ROTATE_RETRY_CAP_MS = 3600 * 1000,
};

/* forge_poll.what: */
enum { ASKED_ANY, ASKED_NEWS /* a last_update went along */ };

static struct gitlab_site *own_of(const struct courier_site *s)
{
	return s->own;
}

struct gitlab_runner gitlab_site_runner(const struct courier_site *s)
{
	return (struct gitlab_runner){
		.url = s->url,
		.token = secret_expose(&s->token),
		.system_id = s->system_id,
		.shell = s->shell,
		.last_update = own_of(s)->last_update,
	};
}

static int open_site(struct courier_site *s, const struct courier_registration *r, struct err *e)
{
	struct gitlab_site *own = own_of(s);
	(void)e;
	own->pace = (struct gitlab_pace){
		.interval_ms = r->check_interval_ms,
		.strict = r->strict != 0,
		.concurrency = r->request_concurrency,
		.unhealthy_limit = r->unhealthy_limit,
		.unhealthy_ms = r->unhealthy_interval_s < 4000000 ? r->unhealthy_interval_s * 1000
								  : 4000000000u,
	};
	gitlab_pace_init(&own->pace);
	return 0;
}

/* --- polls --- */

static bool may(const struct courier_site *s, uint64_t now_ms, uint64_t *ret_at)
{
	return gitlab_pace_may(&own_of(s)->pace, now_ms, s->flying, ret_at);
}

static int poll_build(struct courier_site *s, struct forge_poll *p, struct forge_request *ret,
		      struct err *e)
{
	struct gitlab_site *own = own_of(s);
	struct gitlab_runner g = gitlab_site_runner(s);
	p->what = *own->last_update ? ASKED_NEWS : ASKED_ANY;
	gitlab_pace_started(&own->pace, clock_ms());
	return gitlab_poll(&g, ret, e);
}

/* Whether the server let go of a held poll or has another queue than before; remembers it. */
static bool poll_news(struct courier_site *s, const struct forge_poll *p,
		      const struct http_reply *r)
{
	struct gitlab_site *own = own_of(s);
	char now[sizeof own->last_update];
	if (!http_header(r, "X-GitLab-Last-Update", now, sizeof now) || !*now)
		return p->what == ASKED_NEWS;
	bool changed = strcmp(now, own->last_update) != 0;
	memcpy(own->last_update, now, sizeof now);
	return changed;
}

static int take_job(struct courier_site *s, const struct http_reply *r, struct err *e)
{
	struct forge_offer o;
	int ok = -1;
	if (r->cut)
		err_set(e, EFBIG, "it is too long");
	else if (gitlab_offer_read(r->body, r->body_len, &o, e) == 0)
		ok = task_offer(s, &o, r->body, r->body_len, e);
	explicit_bzero(&o, sizeof o);
	return ok < 0 ? err_wrap(e, "a job was lost") : 0;
}

/* The words for a poll that did not end well: 403, an error, a job that is none. */
static void report_poll(struct courier_site *s, bool unhealthy, const struct http_reply *r)
{
	char text[FORGE_TEXT_MAX + 60];
	gitlab_reply_text(r, text);
	if (unhealthy) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof text - n, ": unhealthy, not asked for %u s",
			 own_of(s)->pace.unhealthy_ms / 1000);
	}
	site_say(s, false, text);
}

static void polled(struct courier_site *s, const struct forge_poll *p, const struct http_reply *r)
{
	struct gitlab_poll_end end = {
		.what = gitlab_polled(r),
		.pushed_back = p->pushed_back,
		.news = poll_news(s, p, r),
	};
	struct err e = { 0 };
	if (end.what == GITLAB_POLL_JOB && take_job(s, r, &e) < 0)
		end.what = GITLAB_POLL_FAILED;
	bool unhealthy = gitlab_pace_ended(&own_of(s)->pace, clock_ms(), end);
	if (e.code)
		site_say(s, false, e.msg);
	else if (end.what == GITLAB_POLL_REFUSED || end.what == GITLAB_POLL_FAILED)
		report_poll(s, unhealthy, r);
	else
		site_say(s, true, "");
}

/* --- the token's life --- */

static void rotation_fired(struct timer *t);

static void rotation_plan(struct courier_site *s)
{
	uint64_t now = clock_wall_us() / 1000000;
	s->rotation.fire = rotation_fired;
	loop_timer_clear(s->hub->loop, &s->rotation);
	if (!s->expires || s->forgotten)
		return;
	uint64_t obtained = s->obtained && s->obtained < s->expires ? s->obtained : now;
	uint64_t due = s->expires > obtained ? obtained + (s->expires - obtained) / 4 * 3 : now;
	loop_timer(s->hub->loop, &s->rotation, due > now ? (due - now) * 1000 : 0);
}

static void rotated(struct courier_call *c, const struct http_reply *r)
{
	struct courier_site *s = (struct courier_site *)((char *)c -
							 offsetof(struct courier_site, rotate));
	struct forge_identity id;
	struct err e = { 0 };
	uint64_t now = clock_wall_us() / 1000000;
	if (gitlab_identity_read(r, 201, &id, &e) == 0 && !*id.token)
		err_set(&e, EPROTO, "the answer has no token");
	if (!e.code && secret_set(&s->token, id.token, strlen(id.token), &e) == 0) {
		struct courier_token t = { s->idx, id.token, now, id.expires };
		hub_send(s->hub, COURIER_TOKEN, &t);
		log_info("the token was replaced before it expires", "registration", s->name, NULL);
		s->obtained = now;
		s->expires = id.expires;
		s->rotate_failures = 0;
		site_let_go(s); /* they wait in the old token's name */
		own_of(s)->last_update[0] = '\0';
		own_of(s)->pace.next_ms = 0;
		rotation_plan(s);
		site_consider(s);
	} else {
		unsigned n = s->rotate_failures < 10 ? s->rotate_failures++ : 10;
		log_warn("the token could not be replaced before it expires", "registration",
			 s->name, "err", e.msg, NULL);
		loop_timer(s->hub->loop, &s->rotation,
			   forge_backoff_ms(n, ROTATE_RETRY_MS, ROTATE_RETRY_CAP_MS));
	}
	explicit_bzero(&id, sizeof id);
}

static void rotation_fired(struct timer *t)
{
	struct courier_site *s = (struct courier_site *)((char *)t -
							 offsetof(struct courier_site, rotation));
	struct gitlab_runner g = gitlab_site_runner(s);
	s->rotate.done = rotated;
	s->rotate.patient = true;
	s->rotate.kind = HUB_RUNNER;
	s->rotate.broken = gitlab_reset_token(&g, &s->rotate.request, &s->rotate.built) < 0;
	call_start(&s->rotate, s->hub, s->http);
}

/* --- the table --- */

const struct forge_wire forge_wire_gitlab = {
	.name = "gitlab",
	.patient = true,
	.held_ms = HELD_MS,
	.site_bytes = sizeof(struct gitlab_site),
	.task_bytes = sizeof(struct gitlab_task),
	.base = url_gitlab_base,
	.open = open_site,
	.keep = rotation_plan,
	.may = may,
	.poll = poll_build,
	.polled = polled,
	.state = gitlab_task_state,
	.accepted = gitlab_task_accepted,
	.begin = gitlab_task_begin,
	.event = gitlab_task_event,
	.next = gitlab_task_next,
	.build = gitlab_task_build,
	.busy = gitlab_task_busy,
	.heard = gitlab_task_heard,
	.verb = gitlab_verb,
};
