/* Gitea and Forgejo in the courier: labels are declared, tasks asked for, and what the command line
 * asks. */
#include "runner/courier_gitea.h"

#include "base/clock.h"
#include "protocol/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* forge_poll.what: */
enum { ASKED_DECLARE, ASKED_TASK };

static struct gitea_site *own_of(const struct courier_site *s)
{
	return s->own;
}

struct gitea_runner gitea_site_runner(const struct courier_site *s)
{
	return (struct gitea_runner){ s->url, secret_expose(&s->token) };
}

static int open_site(struct courier_site *s, const struct courier_registration *r, struct err *e)
{
	struct gitea_site *own = own_of(s);
	gitea_pace_init(&own->pace, r->check_interval_ms, clock_ms());
	own->ephemeral = r->ephemeral != 0;
	own->labels = arena_strdup(&s->arena, r->labels, e);
	return own->labels ? 0 : -1;
}

/* --- tasks are asked for ------------------------------------------------------------------------ */

static bool may(const struct courier_site *s, uint64_t now_ms, uint64_t *ret_at)
{
	const struct gitea_site *own = own_of(s);
	*ret_at = s->flying || own->spent ? 0 : own->pace.next_ms;
	return !s->flying && !own->spent && now_ms >= own->pace.next_ms;
}

static int poll_build(struct courier_site *s, struct forge_poll *p, struct forge_request *ret,
		      struct err *e)
{
	struct gitea_site *own = own_of(s);
	struct gitea_runner g = gitea_site_runner(s);
	p->what = own->declared ? ASKED_TASK : ASKED_DECLARE;
	if (p->what == ASKED_DECLARE)
		return gitea_declare(&g, own->labels, ret, e);
	return gitea_fetch(&g, own->pace.version, ret, e);
}

/* why: what was wrong with the answer itself, NULL nothing. */
static void failed(struct courier_site *s, const struct http_reply *r, const char *before,
		   const char *why)
{
	char text[FORGE_TEXT_MAX], whole[3 * FORGE_TEXT_MAX];
	bool refused = gitea_code(r) == GITEA_UNAUTHENTICATED;
	gitea_reply_text(r, text);
	gitea_pace_failed(&own_of(s)->pace, clock_ms(), refused);
	snprintf(whole, sizeof whole, "%s%s%s", before, why ? why : text,
		 refused ? ": register it again, or unregister it here" : "");
	site_say(s, false, whole);
}

/* An old server knows no Declare, and gives tasks all the same. */
static void declared(struct courier_site *s, const struct http_reply *r)
{
	enum gitea_code code = gitea_code(r);
	own_of(s)->declared = code == GITEA_OK || code == GITEA_UNIMPLEMENTED;
	if (!own_of(s)->declared)
		failed(s, r, "", NULL);
}

static void take_task(struct courier_site *s, struct forge_offer *o, const struct http_reply *r)
{
	struct err e = { 0 };
	own_of(s)->spent = own_of(s)->ephemeral;
	snprintf(o->token, sizeof o->token, "%s", secret_expose(&s->token));
	if (task_offer(s, o, r->body, r->body_len, &e) == 0) {
		site_say(s, true, "");
		return;
	}
	err_wrap(&e, "a task was lost");
	site_say(s, false, e.msg);
}

/* What the server gave and we did not understand is given to nobody else. */
static void fetched(struct courier_site *s, const struct http_reply *r)
{
	static const char lost[] =
		"the answer to a request for a task was lost; if it held one, the server gives it "
		"up after 10 minutes: ";
	struct gitea_fetched f;
	struct forge_offer o;
	struct err e = { 0 };
	if (gitea_fetch_read(r, &o, &f, &e) < 0) {
		bool maybe = r->status == 200 || (r->status == 0 && !r->unsent && !r->untrusted);
		failed(s, r, maybe ? lost : "", r->status == 200 ? e.msg : NULL);
		return;
	}
	gitea_pace_fetched(&own_of(s)->pace, clock_ms(), &f);
	if (f.task)
		take_task(s, &o, r);
	else
		site_say(s, true, "");
	explicit_bzero(&o, sizeof o);
}

static void polled(struct courier_site *s, const struct forge_poll *p, const struct http_reply *r)
{
	if (p->what == ASKED_DECLARE)
		declared(s, r);
	else
		fetched(s, r);
}

/* --- commands ----------------------------------------------------------------------------------- */

static int build_register(const struct courier_oneshot *o, const char *url,
			  struct forge_request *ret, struct err *e)
{
	struct gitea_registration r = {
		.token = o->token,
		.name = o->description,
		.labels = o->labels,
		.ephemeral = o->ephemeral != 0,
	};
	return gitea_register(url, &r, ret, e);
}

static int read_register(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return gitea_runner_read(r, false, ret, e);
}

static int build_verify(const struct courier_oneshot *o, const char *url, struct forge_request *ret,
			struct err *e)
{
	struct gitea_runner g = { url, o->token };
	return gitea_declare(&g, o->labels, ret, e);
}

static int read_verify(const struct http_reply *r, struct forge_identity *ret, struct err *e)
{
	return gitea_runner_read(r, true, ret, e);
}

static const struct forge_verb verbs[] = {
	{ "register", build_register, read_register },
	{ "verify", build_verify, read_verify },
};

const struct forge_verb *gitea_verb(const char *name, const char *token)
{
	(void)token;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* --- the tables --------------------------------------------------------------------------------- */

#define GITEA(name_)                                                                               \
	{                                                                                          \
		.name = (name_), .site_bytes = sizeof(struct gitea_site),                          \
		.task_bytes = sizeof(struct gitea_task), .base = url_normalise, .open = open_site, \
		.may = may, .poll = poll_build, .polled = polled, .state = gitea_task_state,       \
		.accepted = gitea_task_accepted, .begin = gitea_task_begin,                        \
		.done = gitea_task_done, .event = gitea_task_event, .next = gitea_task_next,       \
		.build = gitea_task_build, .heard = gitea_task_heard, .verb = gitea_verb,          \
	}

const struct forge_wire forge_wire_gitea = GITEA("gitea");
const struct forge_wire forge_wire_forgejo = GITEA("forgejo");
