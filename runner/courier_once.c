#include "runner/courier_once.h"

#include "protocol/url.h"
#include "runner/courier_call.h"
#include "runner/forge_wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct courier_once {
	struct courier_call call;
	struct courier_hub *hub;
	struct courier_once *next;
	const struct forge_verb *verb;
	uint64_t cookie;
	struct http *http;
	struct timer gone; /* freed from the loop, not from within its own answer */
};

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
	struct forge_identity id = { 0 };
	struct err e = { 0 };
	struct courier_result m = { .cookie = o->cookie, .status = (uint32_t)r->status };
	m.ok = o->verb->read(r, &id, &e) == 0;
	if (e.code == EACCES && m.status >= 500) /* a refusal, whatever status it came with */
		m.status = 401;
	m.id = id.id;
	m.expires = id.expires;
	m.ephemeral = id.ephemeral;
	m.token = id.token;
	m.text = e.msg;
	hub_send(o->hub, COURIER_RESULT, &m);
	explicit_bzero(&id, sizeof id);
	loop_timer(o->hub->loop, &o->gone, 0);
}

static int once_start(struct courier_hub *h, const struct courier_oneshot *q, struct err *e)
{
	autobuf url = BUF(URL_MAX + 1);
	const struct forge_wire *wire = forge_wire_find(q->forge);
	const struct forge_verb *verb = wire ? wire->verb(q->verb, q->token) : NULL;
	if (!verb)
		return err_set(e, EINVAL, "%s: no such question to %s", q->verb,
			       *q->forge ? q->forge : "gitlab");
	if (wire->base(q->url, &url, e) < 0)
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
		.user_agent = forge_user_agent(),
	};
	*o = (struct courier_once){
		.hub = h,
		.next = h->onces,
		.verb = verb,
		.cookie = q->cookie,
		.gone.fire = gone_fired,
		.call = { .done = answered, .patient = wire->patient, .kind = HUB_RUNNER },
	};
	h->onces = o;
	o->http = http_new(h->loop, &settings, e);
	if (!o->http) {
		once_free(o);
		return -1;
	}
	o->call.broken = verb->build(q, buf_cstr(&url), &o->call.request, &o->call.built) < 0;
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
