#include "runner/courier_site.h"

#include "base/clock.h"
#include "base/log.h"
#include "protocol/gitlab_reply.h"
#include "protocol/url.h"
#include "runner/courier_task.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARENA_MAX = 64 << 10,
	BIG_PAYLOAD = 1 << 20, /* after one of these the heap is given back */
	HELD_MS = 5 * 1000,    /* a poll under way for longer is held by the server */
	SAY_MS = 10 * 1000,    /* how often the same is told */
	ROTATE_RETRY_MS = 60 * 1000,
	ROTATE_RETRY_CAP_MS = 3600 * 1000,
};

struct courier_poll {
	struct courier_call call;
	struct courier_site *site;
	struct courier_poll *next;
	bool asked_news; /* a last_update went along */
	uint64_t started_ms;
};

struct gitlab_runner site_runner(const struct courier_site *s)
{
	return (struct gitlab_runner){
		.url = s->url,
		.token = secret_expose(&s->token),
		.system_id = s->system_id,
		.shell = s->shell,
		.last_update = s->last_update,
	};
}

/* Tell and log how the site is, the latter when it changed. */
static void say(struct courier_site *s, bool ok, const char *text)
{
	struct courier_health health = { s->idx, ok, text };
	uint64_t now = clock_ms();
	bool news = !s->said_ms || s->ailing == ok || strcmp(s->said, text) != 0;
	if (!news && now - s->said_ms < SAY_MS)
		return;
	s->said_ms = now;
	bool was_ailing = s->ailing;
	s->ailing = !ok;
	snprintf(s->said, sizeof s->said, "%s", text);
	if (news && !ok)
		log_warn("no jobs from the server", "registration", s->name, "err", text, NULL);
	else if (news && was_ailing)
		log_info("the server answers again", "registration", s->name, NULL);
	hub_send(s->hub, COURIER_HEALTH, &health);
	hub_tell_counts(s->hub);
}

/* --- polls --- */

static void poll_free(struct courier_poll *p)
{
	struct courier_site *s = p->site;
	call_cancel(&p->call);
	for (struct courier_poll **at = &s->polls; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	s->flying--;
	free(p);
}

/* Whether the server let go of a held poll or has another queue than before; remembers it. */
static bool poll_news(struct courier_poll *p, const struct http_reply *r)
{
	struct courier_site *s = p->site;
	char now[sizeof s->last_update];
	if (!http_header(r, "X-GitLab-Last-Update", now, sizeof now) || !*now)
		return p->asked_news;
	bool changed = strcmp(now, s->last_update) != 0;
	memcpy(s->last_update, now, sizeof now);
	return changed;
}

static int take_job(struct courier_site *s, const struct http_reply *r, struct err *e)
{
	if (r->cut)
		err_set(e, EFBIG, "it is too long");
	else if (task_offer(s, r->body, r->body_len, e) == 0)
		return 0;
	return err_wrap(e, "a job was lost");
}

/* The words for a poll that did not end well: 403, an error, a job that is none. */
static void report_poll(struct courier_site *s, bool unhealthy, const struct http_reply *r)
{
	char text[GITLAB_TEXT_MAX + 60];
	gitlab_reply_text(r, text);
	if (unhealthy) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof text - n, ": unhealthy, not asked for %u s",
			 s->pace.unhealthy_ms / 1000);
	}
	say(s, false, text);
}

static void poll_done(struct courier_call *c, const struct http_reply *r)
{
	struct courier_poll *p = (struct courier_poll *)c;
	struct courier_site *s = p->site;
	struct gitlab_poll_end end = {
		.what = gitlab_polled(r),
		.pushed_back = c->retry.pushed_back,
		.news = poll_news(p, r),
	};
	struct err e = { 0 };
	poll_free(p);
	if (end.what == GITLAB_POLL_JOB && take_job(s, r, &e) < 0)
		end.what = GITLAB_POLL_FAILED;
	bool unhealthy = gitlab_pace_ended(&s->pace, clock_ms(), end);
	if (e.code)
		say(s, false, e.msg);
	else if (end.what == GITLAB_POLL_REFUSED || end.what == GITLAB_POLL_FAILED)
		report_poll(s, unhealthy, r);
	else
		say(s, true, "");
	if (r->body_len > BIG_PAYLOAD)
		malloc_trim(0);
	site_consider_all(s->hub);
}

static void poll_start(struct courier_site *s)
{
	struct courier_poll *p = calloc(1, sizeof *p);
	if (!p)
		return;
	struct gitlab_runner g = site_runner(s);
	*p = (struct courier_poll){ .site = s,
				    .next = s->polls,
				    .started_ms = clock_ms(),
				    .asked_news = *s->last_update != '\0',
				    .call = { .done = poll_done, .kind = HUB_POLL } };
	s->polls = p;
	s->flying++;
	gitlab_pace_started(&s->pace, clock_ms());
	p->call.broken = gitlab_poll(&g, &p->call.request, &p->call.built) < 0;
	call_start(&p->call, s->hub, s->http);
}

static void polls_end(struct courier_site *s)
{
	for (struct courier_poll *p = s->polls, *next; p; p = next) {
		next = p->next;
		poll_free(p);
	}
}

/*
 * End the polls that the server holds, or that wait for their next attempt. One that began a moment
 * ago may be about to bring a job, which would be lost: it is left to its answer. Returns when to
 * look again, in milliseconds; 0 when none is left.
 */
static uint64_t polls_let_go(struct courier_site *s, uint64_t now)
{
	uint64_t wait = 0;
	for (struct courier_poll *p = s->polls, *next; p; p = next) {
		next = p->next;
		if (!p->call.wire.call || now - p->started_ms >= HELD_MS)
			poll_free(p);
		else if (!wait || p->started_ms + HELD_MS - now < wait)
			wait = p->started_ms + HELD_MS - now;
	}
	return wait;
}

static void site_free(struct courier_site *s);

static bool wants_jobs(const struct courier_site *s)
{
	const struct courier_hub *h = s->hub;
	if (s->forgotten || h->over || hub_free(h) == 0)
		return false;
	unsigned jobs = 0; /* those of the same registration with older settings count as well */
	for (const struct courier_site *o = h->sites; o; o = o->next)
		jobs += o->idx == s->idx ? o->jobs : 0;
	return !s->limit || jobs < s->limit;
}

static void consider(struct courier_site *s)
{
	uint64_t at = 0, now = clock_ms();
	loop_timer_clear(s->hub->loop, &s->look);
	if (!wants_jobs(s)) {
		if (s->flying || s->forgotten)
			loop_timer(s->hub->loop, &s->look, 0);
		return;
	}
	while (gitlab_pace_may(&s->pace, now, s->flying, &at)) {
		unsigned before = s->flying;
		poll_start(s);
		if (s->flying == before)
			break;
	}
	if (at)
		loop_timer(s->hub->loop, &s->look, at > now ? at - now : s->pace.interval_ms);
}

static void look_fired(struct timer *t)
{
	struct courier_site *s = (struct courier_site *)((char *)t -
							 offsetof(struct courier_site, look));
	if (wants_jobs(s)) {
		consider(s);
		return;
	}
	uint64_t wait = polls_let_go(s, clock_ms());
	if (wait)
		loop_timer(s->hub->loop, t, wait);
	else if (s->forgotten && !s->jobs)
		site_free(s);
}

void site_consider_all(struct courier_hub *h)
{
	for (struct courier_site *s = h->sites; s; s = s->next)
		consider(s);
}

/* --- the token's life --- */

static void rotation_plan(struct courier_site *s)
{
	uint64_t now = clock_wall_us() / 1000000;
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
	struct gitlab_identity id;
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
		polls_let_go(s, clock_ms()); /* they wait in the old token's name */
		s->last_update[0] = '\0';
		s->pace.next_ms = 0;
		rotation_plan(s);
		consider(s);
	} else {
		unsigned n = s->rotate_failures < 10 ? s->rotate_failures++ : 10;
		log_warn("the token could not be replaced before it expires", "registration",
			 s->name, "err", e.msg, NULL);
		loop_timer(s->hub->loop, &s->rotation,
			   gitlab_backoff_ms(n, ROTATE_RETRY_MS, ROTATE_RETRY_CAP_MS));
	}
	explicit_bzero(&id, sizeof id);
}

static void rotation_fired(struct timer *t)
{
	struct courier_site *s = (struct courier_site *)((char *)t -
							 offsetof(struct courier_site, rotation));
	struct gitlab_runner g = site_runner(s);
	s->rotate.done = rotated;
	s->rotate.kind = HUB_RUNNER;
	s->rotate.broken = gitlab_reset_token(&g, &s->rotate.request, &s->rotate.built) < 0;
	call_start(&s->rotate, s->hub, s->http);
}

/* --- coming and going --- */

static void site_free(struct courier_site *s)
{
	polls_end(s);
	call_cancel(&s->rotate);
	loop_timer_clear(s->hub->loop, &s->look);
	loop_timer_clear(s->hub->loop, &s->rotation);
	for (struct courier_site **at = &s->hub->sites; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	http_free(s->http);
	secret_done(&s->token);
	arena_done(&s->arena);
	free(s);
}

static int site_fill(struct courier_site *s, const struct courier_registration *r, struct err *e)
{
	autobuf url = BUF(URL_MAX + 1);
	if (url_gitlab_base(r->url, &url, e) < 0)
		return -1;
	s->name = arena_strdup(&s->arena, *r->name ? r->name : buf_cstr(&url), e);
	s->url = arena_strdup(&s->arena, buf_cstr(&url), e);
	s->system_id = arena_strdup(&s->arena, r->system_id, e);
	s->shell = arena_strdup(&s->arena, r->shell, e);
	if (!s->name || !s->url || !s->system_id || !s->shell ||
	    secret_set(&s->token, r->token, strlen(r->token), e) < 0)
		return -1;
	struct http_settings settings = {
		.ca_file = r->ca_file,
		.cert_file = r->cert_file,
		.key_file = r->key_file,
		.proxy = r->proxy,
		.no_proxy = r->no_proxy,
		.user_agent = gitlab_user_agent(),
		.age_s = r->connection_age_s,
	};
	s->http = http_new(s->hub->loop, &settings, e);
	return s->http ? 0 : -1;
}

void site_register(struct courier_hub *h, const struct courier_registration *r)
{
	struct err e = { 0 };
	site_forget(h, r->idx);
	struct courier_site *s = calloc(1, sizeof *s);
	if (!s)
		return;
	*s = (struct courier_site){
		.hub = h,
		.next = h->sites,
		.arena = ARENA(ARENA_MAX),
		.idx = r->idx,
		.limit = r->limit,
		.final_retries = r->final_retries,
		.obtained = r->token_obtained,
		.expires = r->rotate ? r->token_expires : 0,
		.name = "",
		.look.fire = look_fired,
		.rotation.fire = rotation_fired,
		.pace = { .interval_ms = r->check_interval_ms,
			  .strict = r->strict != 0,
			  .concurrency = r->request_concurrency,
			  .unhealthy_limit = r->unhealthy_limit,
			  .unhealthy_ms = r->unhealthy_interval_s < 4000000
						  ? r->unhealthy_interval_s * 1000
						  : 4000000000u },
	};
	h->sites = s;
	gitlab_pace_init(&s->pace);
	if (site_fill(s, r, &e) < 0) {
		s->name = s->name ? s->name : "";
		say(s, false, e.msg);
		site_free(s);
		return;
	}
	rotation_plan(s);
	consider(s);
}

struct courier_site *site_find(const struct courier_hub *h, uint32_t idx)
{
	for (struct courier_site *s = h->sites; s; s = s->next)
		if (s->idx == idx && !s->forgotten)
			return s;
	return NULL;
}

void site_forget(struct courier_hub *h, uint32_t idx)
{
	struct courier_site *s = site_find(h, idx);
	if (!s)
		return;
	s->forgotten = true;
	loop_timer_clear(h->loop, &s->look);
	loop_timer_clear(h->loop, &s->rotation);
	call_cancel(&s->rotate);
	consider(s); /* freed from the loop: a request of it may be in the middle of handing over */
}

void site_job_gone(struct courier_site *s)
{
	s->jobs--;
	site_consider_all(s->hub);
}

void site_free_all(struct courier_hub *h)
{
	for (struct courier_site *s = h->sites, *next; s; s = next) {
		next = s->next;
		site_free(s);
	}
}
