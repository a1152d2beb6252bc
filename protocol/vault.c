#include "protocol/vault.h"

#include "base/clock.h"
#include "base/str.h"
#include "protocol/vault_path.h"
#include "protocol/vault_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 64 << 10, PATH_MAX_BYTES = 6 << 10, HEADER_MAX = 16 << 10 };

struct vault_grant vault_granted(uint64_t life_s, bool renewable)
{
	uint64_t now = clock_ms(), life_ms = life_s * 1000;
	uint64_t wait = life_ms * 6 / 10 +
			clock_jitter(life_ms * 2 / 15 + 1); /* 2/3, 10 % around */
	return (struct vault_grant){
		.life_s = life_s,
		.end_ms = life_s ? now + life_ms : UINT64_MAX,
		.renew_ms = life_s && renewable ? now + wait : UINT64_MAX,
	};
}

static int identity_check(struct vault_net *net, const struct vault_identity *id, struct err *e)
{
	autobuf path = BUF(PATH_MAX_BYTES);
	if (vault_allowed(id->address, net->allowed, e) < 0)
		return -1;
	if (vault_path_add(&path, id->auth_path, e) < 0)
		return err_wrap(e, "auth path");
	if (*id->jwt == '\0')
		return err_set(e, EINVAL,
			       "no JWT: the secret's token, or an id_tokens entry, is "
			       "missing");
	size_t n = strlen(id->jwt);
	if (!str_is_printable(id->jwt, n) || strchr(id->jwt, ' '))
		return err_set(e, EINVAL, "the JWT holds a space or a control byte");
	if (!str_is_printable(id->space, strlen(id->space)))
		return err_set(e, EINVAL, "the namespace holds a control byte");
	return 0;
}

static struct vault *fill(struct vault *v, const struct vault_identity *id, struct err *e)
{
	v->address = strdup(id->address);
	v->space = strdup(id->space);
	v->auth_path = strdup(id->auth_path);
	v->role = strdup(id->role);
	v->inline_auth = id->inline_auth;
	v->grant.renew_ms = UINT64_MAX;
	if (v->address && v->space && v->auth_path && v->role &&
	    secret_set(&v->jwt, id->jwt, strlen(id->jwt), e) == 0)
		return v;
	vault_free(v);
	err_set(e, ENOMEM, "out of memory");
	return NULL;
}

struct vault *vault_new(struct vault_net *net, const struct vault_identity *id, uint64_t life_max_s,
			struct err *e)
{
	if (identity_check(net, id, e) < 0)
		return NULL;
	struct vault *v = calloc(1, sizeof *v);
	if (!v) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	v->net = net;
	v->life_max_s = life_max_s;
	return fill(v, id, e);
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	free(v->address);
	free(v->space);
	free(v->auth_path);
	free(v->role);
	secret_done(&v->jwt);
	secret_done(&v->token);
	for (size_t i = 0; i < v->nleases; i++)
		free(v->leases[i].id);
	free(v);
}

bool vault_is(const struct vault *v, const struct vault_identity *id)
{
	return strcmp(v->address, id->address) == 0 && strcmp(v->space, id->space) == 0 &&
	       strcmp(v->auth_path, id->auth_path) == 0 && strcmp(v->role, id->role) == 0 &&
	       strcmp(secret_expose(&v->jwt), id->jwt) == 0 && v->inline_auth == id->inline_auth;
}

void vault_call_of(const struct vault *v, struct vault_call *c, const char *method,
		   const char *path)
{
	*c = (struct vault_call){
		.method = method,
		.address = v->address,
		.path = path,
		.space = v->space,
		.token = secret_expose(&v->token),
	};
}

/* A server may quote what it was sent. Overwritten in place: the text stays JSON. */
static void scrub(struct buf *b, const struct secret *s)
{
	for (char *at = b->p; s->n && at;) {
		at = memmem(at, (size_t)(b->p + b->len - at), secret_expose(s), s->n);
		if (at)
			memset(at, '*', s->n);
	}
}

int vault_judge(const struct vault *v, struct vault_call *c, struct err *e)
{
	if (c->status == 0) {
		*e = c->error;
		return -1;
	}
	scrub(&c->reply, &v->jwt);
	scrub(&c->reply, &v->token);
	return vault_reply_error(c->status, buf_cstr(&c->reply), c->reply.len, e);
}

int vault_ask(struct vault *v, struct vault_call *c, struct err *e)
{
	uint64_t now = clock_ms();
	unsigned budget = v->until_ms > now ? (unsigned)(v->until_ms - now) : 0;
	if (vault_net_run(v->net, c, 1, budget, e) < 0)
		return -1;
	if (c->status == 200 || c->status == 204)
		return 0;
	return vault_judge(v, c, e);
}

int vault_body(struct buf *out, struct err *e, ...)
{
	va_list ap;
	const char *comma = "{";
	int r = buf_reserve(out, BODY_MAX, e);
	va_start(ap, e);
	for (const char *name; r == 0 && (name = va_arg(ap, const char *));) {
		const char *value = va_arg(ap, const char *);
		if (!value || !*value)
			continue;
		r = buf_printf(out, e, "%s\"%s\":", comma, name);
		if (r == 0)
			r = str_json(out, value, strlen(value), e);
		comma = ",";
	}
	va_end(ap);
	return r < 0 ? -1 : buf_str(out, *comma == '{' ? "{}" : "}", e);
}

/* Take over the token of an answer to a login. */
static int take_token(struct vault *v, const struct vault_call *c, struct err *e)
{
	struct vault_reply *r = vault_reply_parse(buf_cstr(&c->reply), c->reply.len, e);
	if (!r)
		return -1;
	const char *token = vault_reply_token(r);
	int got = *token ? secret_set(&v->token, token, strlen(token), e)
			 : err_set(e, EPROTO, "the answer to the login holds no token");
	v->grant = vault_granted(vault_reply_life(r), vault_reply_renewable(r));
	vault_reply_free(r);
	return got;
}

/* The token's life is the bound for what nobody is left to revoke: no longer than the job's. */
static void shorten(struct vault *v)
{
	__attribute__((cleanup(buf_wipe))) struct buf body = BUF(BODY_MAX);
	struct err ignored = { 0 };
	struct vault_call c;
	char life[STR_NUM + 1];
	if (!v->life_max_s || v->grant.life_s <= v->life_max_s || v->grant.renew_ms == UINT64_MAX)
		return;
	snprintf(life, sizeof life, "%llus", (unsigned long long)v->life_max_s);
	vault_call_of(v, &c, "POST", "/auth/token/renew-self");
	c.body = &body;
	if (vault_body(&body, &ignored, "increment", life, NULL) == 0 &&
	    vault_ask(v, &c, &ignored) == 0) {
		struct vault_reply *r = vault_reply_parse(buf_cstr(&c.reply), c.reply.len,
							  &ignored);
		if (r && vault_reply_life(r))
			v->grant = vault_granted(vault_reply_life(r), vault_reply_renewable(r));
		vault_reply_free(r);
	}
	vault_call_done(&c);
}

static int login(struct vault *v, struct err *e)
{
	autobuf path = BUF(PATH_MAX_BYTES);
	__attribute__((cleanup(buf_wipe))) struct buf body = BUF(BODY_MAX);
	struct vault_call c;
	secret_done(&v->token);
	if (buf_str(&path, "/auth", e) < 0 || vault_path_add(&path, v->auth_path, e) < 0 ||
	    buf_str(&path, "/login", e) < 0 ||
	    vault_body(&body, e, "role", v->role, "jwt", secret_expose(&v->jwt), NULL) < 0)
		return -1;
	vault_call_of(v, &c, "POST", buf_cstr(&path));
	c.body = &body;
	int r = vault_ask(v, &c, e);
	if (r == 0)
		r = take_token(v, &c, e);
	vault_call_done(&c);
	return r;
}

static int log_in(struct vault *v, struct err *e)
{
	v->fresh = false;
	if (v->inline_auth || (v->token.n && clock_ms() < v->grant.end_ms))
		return 0;
	if (login(v, e) < 0) {
		if (e->code == ENOENT) /* of the mount, not of a secret */
			e->code = EACCES;
		return err_wrap(e, "initializing Vault service: preparing authenticated client: "
				   "authenticating Vault client: writing to Vault");
	}
	v->fresh = true;
	shorten(v);
	return 0;
}

int vault_login(struct vault *v, unsigned budget_ms, struct err *e)
{
	v->until_ms = clock_ms() + budget_ms;
	return log_in(v, e);
}

/* --- reading --- */

/* base64url of n bytes, without padding. */
static int base64url(struct buf *out, const char *s, size_t n, struct err *e)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_";
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = 0;
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < have ? (unsigned char)s[i + k] : 0);
		for (size_t k = 0; k <= have; k++)
			if (buf_char(out, digit[bits >> (18 - 6 * k) & 63], e) < 0)
				return -1;
	}
	return 0;
}

static int inline_parameter(struct buf *out, const char *key, const char *value, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf json = BUF(BODY_MAX);
	out->max = HEADER_MAX;
	if (vault_body(&json, e, "key", key, "value", value, NULL) < 0 ||
	    buf_reserve(out, HEADER_MAX, e) < 0 ||
	    buf_printf(out, e, "X-Vault-Inline-Auth-Parameter-%s: ", key) < 0)
		return -1;
	return base64url(out, buf_cstr(&json), json.len, e);
}

/* The headers that log in with the request itself. */
struct inline_auth {
	struct buf path, jwt, role;
	const char *lines[4];
	size_t n;
};

static void inline_done(struct inline_auth *a)
{
	buf_done(&a->path);
	buf_wipe(&a->jwt);
	buf_done(&a->role);
}

static int inline_make(const struct vault *v, struct inline_auth *a, struct err *e)
{
	bool whole = str_starts(v->auth_path, "auth/");
	if (!v->inline_auth)
		return 0;
	a->path.max = HEADER_MAX;
	if (buf_printf(&a->path, e, "X-Vault-Inline-Auth-Path: %s%s%s", whole ? "" : "auth/",
		       v->auth_path, whole ? "" : "/login") < 0 ||
	    inline_parameter(&a->jwt, "jwt", secret_expose(&v->jwt), e) < 0)
		return -1;
	a->lines[a->n++] = buf_cstr(&a->path);
	a->lines[a->n++] = "X-Vault-Inline-Auth-Operation: update";
	a->lines[a->n++] = buf_cstr(&a->jwt);
	if (*v->role == '\0')
		return 0;
	if (inline_parameter(&a->role, "role", v->role, e) < 0)
		return -1;
	a->lines[a->n++] = buf_cstr(&a->role);
	return 0;
}

static int want_path(const struct vault_want *w, struct buf *path, struct err *e)
{
	bool no_mount = *w->mount == '\0' && w->engine == VAULT_GENERIC;
	if (!no_mount && vault_path_add(path, w->mount, e) < 0)
		return err_wrap(e, "engine");
	if (w->engine == VAULT_KV2 && buf_str(path, "/data", e) < 0)
		return -1;
	return vault_path_add(path, w->path, e);
}

static int keep_lease(struct vault *v, const struct vault_reply *r, struct err *e)
{
	const char *id = vault_reply_lease(r);
	if (*id == '\0' || v->inline_auth) /* an inline login has nothing to renew or revoke with */
		return 0;
	if (v->nleases == VAULT_LEASES)
		return err_set(e, EINVAL, "more than %d leases", VAULT_LEASES);
	char *copy = strdup(id);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	v->leases[v->nleases++] = (struct vault_lease){
		.id = copy,
		.grant = vault_granted(vault_reply_life(r), vault_reply_renewable(r)),
	};
	return 0;
}

/* 404 explains itself where a version was deleted: such an answer is a reply all the same. */
static struct vault_reply *read_reply(struct vault_call *c, int asked, struct err *e)
{
	struct err ignored = { 0 };
	if (asked == 0 && c->status == 200)
		return vault_reply_parse(buf_cstr(&c->reply), c->reply.len, e);
	if (asked < 0 && c->status == 404 &&
	    memmem(buf_cstr(&c->reply), c->reply.len, "\"data\"", 6))
		return vault_reply_parse(buf_cstr(&c->reply), c->reply.len, &ignored);
	if (asked == 0)
		err_set(e, EPROTO, "the answer is empty");
	return NULL;
}

static int get(struct vault *v, const struct vault_want *w, struct vault_reply **ret, struct err *e)
{
	autobuf path = BUF(PATH_MAX_BYTES);
	__attribute__((cleanup(inline_done))) struct inline_auth how = { 0 };
	struct vault_call c;
	if (want_path(w, &path, e) < 0 || inline_make(v, &how, e) < 0)
		return -1;
	vault_call_of(v, &c, "GET", buf_cstr(&path));
	c.once = w->engine == VAULT_GENERIC; /* each answer may be a credential of its own */
	c.headers = how.lines;
	c.nheaders = how.n;
	struct vault_reply *r = read_reply(&c, vault_ask(v, &c, e), e);
	vault_call_done(&c);
	if (!r)
		return -1;
	if (keep_lease(v, r, e) < 0) {
		vault_reply_free(r);
		return -1;
	}
	*ret = r;
	return 0;
}

/* Does the server no longer know our token? */
static bool token_is_lost(struct vault *v)
{
	struct err why = { 0 };
	struct vault_call c;
	vault_call_of(v, &c, "GET", "/auth/token/lookup-self");
	bool lost = vault_ask(v, &c, &why) < 0 && c.status == 403;
	vault_call_done(&c);
	return lost;
}

int vault_read(struct vault *v, const struct vault_want *w, struct vault_reply **ret, struct err *e)
{
	v->until_ms = clock_ms() + w->budget_ms;
	if (log_in(v, e) < 0)
		return -1;
	int r = get(v, w, ret, e);
	if (r < 0 && e->code == EACCES && v->token.n && !v->fresh && token_is_lost(v)) {
		secret_done(&v->token);
		err_clear(e);
		if (log_in(v, e) < 0)
			return -1;
		r = get(v, w, ret, e);
	}
	if (r == 0)
		return 0;
	if (e->code != ENOENT)
		return err_wrap(e, "reading secret: reading from Vault");
	size_t n = strlen(e->msg);
	return n >= 2 && strcmp(e->msg + n - 2, ": ") == 0 ? /* a 404 without words */
		       err_set(e, ENOENT, "there is no such secret")
							   : -1;
}
