#include "runner/courier_site.h"

#include "base/clock.h"
#include "base/log.h"
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
	SAY_MS = 10 * 1000,    /* how often the same is told */
	LOOK_MS = 1000,        /* a poll that could not even begin */
};

struct courier_poll {
	struct courier_call call;
	struct courier_site *site;
	struct courier_poll *next;
	struct forge_poll of;
	uint64_t started_ms;
};

void site_say(struct courier_site *s, bool ok, const char *text)
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

static void poll_done(struct courier_call *c, const struct http_reply *r)
{
	struct courier_poll *p = (struct courier_poll *)c;
	struct courier_site *s = p->site;
	struct forge_poll of = p->of;
	of.pushed_back = c->retry.pushed_back;
	poll_free(p);
	s->wire->polled(s, &of, r);
	if (r->body_len > BIG_PAYLOAD)
		malloc_trim(0);
	site_consider_all(s->hub);
}

static void poll_start(struct courier_site *s)
{
	struct courier_poll *p = calloc(1, sizeof *p);
	if (!p)
		return;
	*p = (struct courier_poll){
		.site = s,
		.next = s->polls,
		.started_ms = clock_ms(),
		.call = { .done = poll_done, .patient = s->wire->patient, .kind = HUB_POLL }
	};
	s->polls = p;
	s->flying++;
	p->call.broken = s->wire->poll(s, &p->of, &p->call.request, &p->call.built) < 0;
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
	uint64_t wait = 0, held = s->wire->held_ms;
	for (struct courier_poll *p = s->polls, *next; p; p = next) {
		next = p->next;
		if (!p->call.wire.call || (held && now - p->started_ms >= held))
			poll_free(p);
		else if (held && (!wait || p->started_ms + held - now < wait))
			wait = p->started_ms + held - now;
	}
	return wait;
}

void site_let_go(struct courier_site *s)
{
	polls_let_go(s, clock_ms());
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

void site_consider(struct courier_site *s)
{
	uint64_t at = 0, now = clock_ms();
	loop_timer_clear(s->hub->loop, &s->look);
	if (!wants_jobs(s)) {
		if (s->flying || s->forgotten)
			loop_timer(s->hub->loop, &s->look, 0);
		return;
	}
	while (s->wire->may(s, now, &at)) {
		unsigned before = s->flying;
		poll_start(s);
		if (s->flying == before)
			break;
	}
	if (at)
		loop_timer(s->hub->loop, &s->look, at > now ? at - now : LOOK_MS);
}

static void look_fired(struct timer *t)
{
	struct courier_site *s = (struct courier_site *)((char *)t -
							 offsetof(struct courier_site, look));
	if (wants_jobs(s)) {
		site_consider(s);
		return;
	}
	uint64_t wait = polls_let_go(s, clock_ms());
	if (wait)
		loop_timer(s->hub->loop, t, wait);
	else if (s->forgotten && !s->jobs && !s->flying)
		site_free(s);
}

void site_consider_all(struct courier_hub *h)
{
	for (struct courier_site *s = h->sites; s; s = s->next)
		site_consider(s);
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
	free(s->own);
	free(s);
}

static int site_fill(struct courier_site *s, const struct courier_registration *r, struct err *e)
{
	autobuf url = BUF(URL_MAX + 1);
	s->wire = forge_wire_find(r->forge);
	if (!s->wire)
		return err_set(e, EINVAL, "%.40s: no such kind of forge", r->forge);
	s->own = calloc(1, s->wire->site_bytes);
	if (!s->own)
		return err_set(e, ENOMEM, "out of memory");
	if (s->wire->base(r->url, &url, e) < 0)
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
		.user_agent = forge_user_agent(),
		.age_s = r->connection_age_s,
	};
	s->http = http_new(s->hub->loop, &settings, e);
	return s->http ? s->wire->open(s, r, e) : -1;
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
	};
	h->sites = s;
	if (site_fill(s, r, &e) < 0) {
		s->name = s->name ? s->name : "";
		site_say(s, false, e.msg);
		site_free(s);
		return;
	}
	if (s->wire->keep)
		s->wire->keep(s);
	site_consider(s);
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
	site_consider(
		s); /* freed from the loop: a request of it may be in the middle of handing over */
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
