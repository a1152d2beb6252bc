#include "runner/courier_once.h"

#include "base/str.h"
#include "protocol/gitlab_reply.h"
#include "protocol/url.h"
#include "runner/courier_call.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct verb {
	const char *name;
	int want;      /* the status that means yes */
	bool needs_id; /* a yes without the runner's id is none */
	int (*build)(const struct gitlab_runner *g, const struct courier_oneshot *o,
		     struct gitlab_request *ret, struct err *e);
};

struct courier_once {
	struct courier_call call;
	struct courier_hub *hub;
	struct courier_once *next;
	const struct verb *verb;
	uint64_t cookie;
	struct http *http;
	struct timer gone; /* freed from the loop, not from within its own answer */
};

static int build_verify(const struct gitlab_runner *g, const struct courier_oneshot *o,
			struct gitlab_request *ret, struct err *e)
{
	(void)o;
	return gitlab_verify(g, ret, e);
}

static int build_register(const struct gitlab_runner *g, const struct courier_oneshot *o,
			  struct gitlab_request *ret, struct err *e)
{
	struct gitlab_registration r = {
		.description = o->description,
		.tags = o->tags,
		.maintenance_note = o->maintenance_note,
		.access_level = o->access_level,
		.maximum_timeout = o->maximum_timeout,
		.run_untagged = o->run_untagged,
		.locked = o->locked,
		.paused = o->paused,
	};
	return gitlab_register(g, &r, ret, e);
}

static int build_unregister(const struct gitlab_runner *g, const struct courier_oneshot *o,
			    struct gitlab_request *ret, struct err *e)
{
	(void)o;
	return gitlab_unregister(g, false, ret, e);
}

static int build_unregister_manager(const struct gitlab_runner *g, const struct courier_oneshot *o,
				    struct gitlab_request *ret, struct err *e)
{
	(void)o;
	return gitlab_unregister(g, true, ret, e);
}

static int build_reset(const struct gitlab_runner *g, const struct courier_oneshot *o,
		       struct gitlab_request *ret, struct err *e)
{
	(void)o;
	return gitlab_reset_token(g, ret, e);
}

static const struct verb verbs[] = {
	{ "verify", 200, false, build_verify },
	{ "register", 201, true, build_register },
	{ "unregister", 204, false, build_unregister },
	{ "unregister-manager", 204, false, build_unregister_manager },
	{ "reset", 201, false, build_reset },
	/* a runner that was made in the web interface: its token is checked, its record on this
	 * machine removed */
	{ "register", 200, true, build_verify },
	{ "unregister", 204, false, build_unregister_manager },
};

enum { PLAIN_VERBS = 5 };

static const struct verb *verb_find(const char *name, const char *token)
{
	bool made = str_starts(token, "glrt-");
	const struct verb *found = NULL;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0 && (i < PLAIN_VERBS || made))
			found = &verbs[i];
	return found;
}

static void once_free(struct courier_once *o)
{
	call_cancel(&o->call);
	loop_timer_clear(o->hub->loop, &o->gone);
	for (struct courier_once **at = &o->hub->onces; *at; at = &(*at)->next)
		if (*at == o) {
			*at = o->next;
			break;
		}
	http_free(o->http);
	free(o);
}

static void gone_fired(struct timer *t)
{
	once_free((struct courier_once *)((char *)t - offsetof(struct courier_once, gone)));
}

static void answered(struct courier_call *c, const struct http_reply *r)
{
	struct courier_once *o = (struct courier_once *)c;
	struct gitlab_identity id = { 0 };
	struct err e = { 0 };
	struct courier_result m = { .cookie = o->cookie, .status = (uint32_t)r->status };
	if (gitlab_identity_read(r, o->verb->want, &id, &e) == 0 && o->verb->needs_id && !id.id)
		err_set(&e, EPROTO, "the answer names no runner");
	m.ok = e.code == 0;
	m.id = id.id;
	m.expires = id.expires;
	m.token = id.token;
	m.text = e.msg;
	hub_send(o->hub, COURIER_RESULT, &m);
	explicit_bzero(&id, sizeof id);
	loop_timer(o->hub->loop, &o->gone, 0);
}

static int once_start(struct courier_hub *h, const struct courier_oneshot *q, struct err *e)
{
	autobuf url = BUF(URL_MAX + 1);
	const struct verb *verb = verb_find(q->verb, q->token);
	if (!verb)
		return err_set(e, EINVAL, "%s: unknown", q->verb);
	if (url_gitlab_base(q->url, &url, e) < 0)
		return -1;
	struct courier_once *o = calloc(1, sizeof *o);
	if (!o)
		return err_set(e, ENOMEM, "out of memory");
	struct http_settings settings = {
		.ca_file = q->ca_file,
		.cert_file = q->cert_file,
		.key_file = q->key_file,
		.proxy = q->proxy,
		.no_proxy = q->no_proxy,
		.user_agent = gitlab_user_agent(),
	};
	*o = (struct courier_once){
		.hub = h,
		.next = h->onces,
		.verb = verb,
		.cookie = q->cookie,
		.gone.fire = gone_fired,
		.call = { .done = answered, .kind = HUB_RUNNER },
	};
	h->onces = o;
	o->http = http_new(h->loop, &settings, e);
	if (!o->http) {
		once_free(o);
		return -1;
	}
	struct gitlab_runner g = { buf_cstr(&url), q->token, q->system_id, q->shell, "" };
	o->call.broken = verb->build(&g, q, &o->call.request, &o->call.built) < 0;
	call_start(&o->call, h, o->http);
	return 0;
}

void once_ask(struct courier_hub *h, const struct courier_oneshot *o)
{
	struct err e = { 0 };
	if (once_start(h, o, &e) == 0)
		return;
	struct courier_result m = { .cookie = o->cookie, .token = "", .text = e.msg };
	hub_send(h, COURIER_RESULT, &m);
}

void once_free_all(struct courier_hub *h)
{
	for (struct courier_once *o = h->onces, *next; o; o = next) {
		next = o->next;
		once_free(o);
	}
}
