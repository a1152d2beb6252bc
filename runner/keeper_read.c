/* One secret for the worker: whose it is, whether it was read already, what is said about it. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_MAX = 400 };

static const struct {
	int code;
	enum secrets_class class;
} classes[] = {
	{ EINVAL, SECRETS_CONFIG },
	{ EACCES, SECRETS_CONFIG },
	{ ENOENT, SECRETS_MISSING },
	{ EREMOTEIO, SECRETS_EXTERNAL },
};

static enum secrets_class class_of(const struct err *e)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (classes[i].code == e->code)
			return classes[i].class;
	return SECRETS_SYSTEM;
}

/* What READ asks for, in the client's terms. */
struct wish {
	struct vault_identity identity;
	struct vault_want want;
};

static int understand(const struct secrets_read *r, struct wish *ret, struct err *e)
{
	bool inline_auth = strcmp(r->provider, "gitlab_secrets_manager") == 0;
	if (!inline_auth && strcmp(r->provider, "vault") != 0)
		return err_set(e, EINVAL, "no resolver for \"%.64s\"", r->provider);
	if (*r->auth_name && strcmp(r->auth_name, "jwt") != 0)
		return err_set(e, EINVAL,
			       "authentication method \"%.64s\" is not supported: jwt is",
			       r->auth_name);
	*ret = (struct wish){
		.identity = { r->url, r->space, *r->auth_path ? r->auth_path : "jwt", r->role,
			      r->jwt, inline_auth },
		.want = { .mount = r->mount, .path = r->path },
	};
	if (!vault_engine_named(*r->engine ? r->engine : "kv-v2", &ret->want.engine))
		return err_set(
			e, EINVAL,
			"secrets engine \"%.64s\" is not supported: kv-v1, kv-v2, generic are",
			r->engine);
	return 0;
}

static void note(struct keeper *k, const struct secrets_read *r, const struct vault_reply *reply)
{
	const char *text;
	for (size_t i = 0; (text = vault_reply_warning(reply, i)); i++) {
		char line[NOTE_MAX];
		automsg m;
		snprintf(line, sizeof line, "secret %.64s: %s", r->name, text);
		for (char *c = line; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = ' ';
		msg_init(&m, SECRETS_NOTE);
		msg_put_str(&m, line);
		keeper_send(k, &m);
	}
}

/* The reply: from before, or asked for now. Borrowed from the store. */
static const struct vault_reply *obtain(struct keeper *k, const struct wish *w, bool *ret_cached,
					struct err *e)
{
	unsigned index;
	struct vault_reply *fresh = NULL;
	struct vault *v = keeper_store_identity(&k->store, &w->identity, &index, e);
	if (!v)
		return NULL;
	const struct vault_reply *known = keeper_store_find(&k->store, v, &w->want);
	*ret_cached = known != NULL;
	if (known)
		return known;
	uint64_t until = clock_ms() + w->want.budget_ms;
	int r = vault_login(v, w->want.budget_ms, e);
	keeper_record(k, v, index);
	struct vault_want want = w->want;
	want.budget_ms = clock_ms() < until ? (unsigned)(until - clock_ms()) : 0;
	if (r < 0)
		return NULL;
	r = vault_read(v, &want, &fresh, e);
	keeper_record(k, v, index); /* with its lease, or its new token */
	if (r < 0 || keeper_store_keep(&k->store, v, &w->want, fresh, e) < 0)
		return NULL;
	return fresh;
}

static void send_bytes(struct keeper *k, struct msg *m, const void *p, size_t n)
{
	struct err e = { 0 };
	int made = -1;
	if (secrets_put_bytes(m, p, n, &made, &e) < 0)
		log_error("a value cannot be handed over", "err", e.msg, NULL);
	else
		keeper_send(k, m);
	fd_close(&made);
}

static int send_leaf(void *arg, const char *p, size_t n)
{
	automsg m;
	msg_init(&m, SECRETS_MASK);
	send_bytes(arg, &m, p, n);
	return 0;
}

static int send_value(struct keeper *k, const struct secrets_read *r, const struct wish *w,
		      const struct vault_reply *reply, struct err *e)
{
	autosecret value = { 0 };
	automsg m;
	msg_init(&m, SECRETS_VALUE);
	if (vault_reply_field(reply, w->want.engine, r->field, &value, e) < 0 ||
	    vault_reply_leaves(reply, w->want.engine, r->field, send_leaf, k) < 0)
		return -1;
	msg_put_str(&m, r->name);
	send_bytes(k, &m, secret_expose(&value), value.n);
	return 0;
}

static void send_failure(struct keeper *k, const struct secrets_read *r, enum secrets_class class,
			 const struct err *e)
{
	automsg m;
	msg_init(&m, SECRETS_FAILED);
	msg_put_str(&m, r->name);
	msg_put_u32(&m, class);
	msg_put_str(&m, e->msg);
	keeper_send(k, &m);
}

void keeper_serve_read(struct keeper *k, const struct secrets_read *r)
{
	struct err e = { 0 };
	struct wish w;
	struct keeper_read audit = { .read = r, .started_ms = clock_ms() };
	int ok = understand(r, &w, &e);
	if (ok == 0) {
		w.want.budget_ms = (unsigned)k->read_ms;
		audit.reply = obtain(k, &w, &audit.cached, &e);
		ok = audit.reply ? 0 : -1;
	}
	if (ok == 0) {
		note(k, r, audit.reply);
		ok = send_value(k, r, &w, audit.reply, &e);
	}
	if (ok < 0) {
		audit.result = class_of(&e);
		if (audit.result == SECRETS_MISSING)
			err_wrap(&e, "%.100s/%.200s", r->mount, r->path);
		send_failure(k, r, audit.result, &e);
	}
	keeper_audit_read(&k->audit, &audit);
}
