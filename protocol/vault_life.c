/* The life of what was granted: renewed while it is needed, revoked when it is not. */
#include "base/clock.h"
#include "base/str.h"
#include "protocol/vault.h"
#include "protocol/vault_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 64 << 10, LAST_S = 30, RECORD_MAX = 56 << 10 };

uint64_t vault_due(const struct vault *v)
{
	uint64_t due = v->token.n ? v->grant.renew_ms : UINT64_MAX;
	for (size_t i = 0; i < v->nleases; i++)
		if (v->leases[i].grant.renew_ms < due)
			due = v->leases[i].grant.renew_ms;
	return due;
}

/* The grant after a renewal that gave it life_s. At its server's limit it no longer grows: then it
 * is left to its end. */
static struct vault_grant renewed(const struct vault_grant *old, uint64_t life_s, bool renewable)
{
	uint64_t now = clock_ms();
	uint64_t left_s = old->end_ms > now ? (old->end_ms - now) / 1000 : 0;
	bool grows = life_s > left_s + 1 && (life_s >= LAST_S || life_s >= old->life_s);
	return vault_granted(life_s, renewable && grows);
}

static int renew(struct vault *v, struct vault_grant *g, struct vault_call *c, struct err *e)
{
	g->renew_ms = UINT64_MAX;
	if (vault_ask(v, c, e) < 0)
		return -1;
	struct vault_reply *r = vault_reply_parse(buf_cstr(&c->reply), c->reply.len, e);
	if (!r)
		return -1;
	*g = renewed(g, vault_reply_life(r), vault_reply_renewable(r));
	vault_reply_free(r);
	return 0;
}

static int renew_token(struct vault *v, struct err *e)
{
	autobuf body = BUF(BODY_MAX);
	struct vault_call c;
	char life[STR_NUM + 1];
	snprintf(life, sizeof life, "%llus", (unsigned long long)v->grant.life_s);
	if (vault_body(&body, e, "increment", life, NULL) < 0)
		return -1;
	vault_call_of(v, &c, "POST", "/auth/token/renew-self");
	c.body = &body;
	int r = renew(v, &v->grant, &c, e);
	vault_call_done(&c);
	return r < 0 ? err_wrap(e, "renew token") : 0;
}

static int renew_lease(struct vault *v, struct vault_lease *lease, struct err *e)
{
	autobuf body = BUF(BODY_MAX);
	struct vault_call c;
	char life[STR_NUM];
	if (vault_body(&body, e, "lease_id", lease->id, "increment",
		       str_num(life, lease->grant.life_s), NULL) < 0)
		return -1;
	vault_call_of(v, &c, "PUT", "/sys/leases/renew");
	c.body = &body;
	int r = renew(v, &lease->grant, &c, e);
	vault_call_done(&c);
	return r < 0 ? err_wrap(e, "renew lease %.80s", lease->id) : 0;
}

int vault_renew(struct vault *v, unsigned budget_ms, struct err *e)
{
	struct err first = { 0 };
	uint64_t now = clock_ms();
	v->until_ms = now + budget_ms;
	if (v->token.n && v->grant.renew_ms <= now)
		renew_token(v, &first);
	for (size_t i = 0; i < v->nleases; i++) {
		struct err why = { 0 };
		if (v->leases[i].grant.renew_ms > now)
			continue;
		if (renew_lease(v, &v->leases[i], &why) < 0 && !first.code)
			first = why;
	}
	if (!first.code)
		return 0;
	*e = first;
	return -1;
}

/* --- revocation --- */

bool vault_holds(const struct vault *v)
{
	return v->token.n > 0;
}

/* A revocation under way: its call, its body and whom it is for. lease NULL: the token. */
struct revocation {
	struct vault *vault;
	struct vault_lease *lease;
	struct buf body;
};

static void prepare(struct revocation *r, struct vault_call *c)
{
	struct err ignored = { 0 };
	vault_call_of(r->vault, c, r->lease ? "PUT" : "POST",
		      r->lease ? "/sys/leases/revoke" : "/auth/token/revoke-self");
	if (!r->lease)
		return;
	r->body = (struct buf)BUF(BODY_MAX);
	if (buf_str(&r->body, "{\"sync\":true,\"lease_id\":", &ignored) == 0 &&
	    str_json(&r->body, r->lease->id, strlen(r->lease->id), &ignored) == 0 &&
	    buf_char(&r->body, '}', &ignored) == 0)
		c->body = &r->body;
}

/* 400 and 403: neither knows it any more, so it is revoked. */
static bool is_gone(const struct vault_call *c)
{
	return c->status == 200 || c->status == 204 || c->status == 403 ||
	       (c->status == 400 && memmem(buf_cstr(&c->reply), c->reply.len, "not found", 9));
}

/* No answer, or one that says that the server is in trouble or busy. */
static bool may_pass(const struct vault_call *c)
{
	return c->status == 0 || c->status == 412 || c->status == 429 || c->status >= 500;
}

static void settle(struct revocation *r, struct vault_call *c, struct vault_revoked *ret)
{
	struct err why = { 0 };
	if (is_gone(c)) {
		ret->revoked++;
		if (r->lease)
			r->lease->gone = true;
		else
			secret_done(&r->vault->token);
	} else {
		ret->failed++;
		ret->passing += may_pass(c);
		vault_judge(r->vault, c, &why);
		if (!*ret->text)
			snprintf(ret->text, sizeof ret->text, "%.*s", (int)sizeof ret->text - 1,
				 why.msg);
	}
	vault_call_done(c);
	buf_done(&r->body);
}

static void run(struct revocation *list, size_t n, unsigned budget_ms, struct vault_revoked *ret)
{
	struct err ignored = { 0 };
	struct vault_call *calls = n ? calloc(n, sizeof *calls) : NULL;
	if (!calls) {
		ret->failed += (unsigned)n;
		return;
	}
	for (size_t i = 0; i < n; i++)
		prepare(&list[i], &calls[i]);
	int ran = vault_net_run(list[0].vault->net, calls, n, budget_ms, &ignored);
	if (ran < 0) /* and what has no answer shows in the calls */
		snprintf(ret->text, sizeof ret->text, "%.*s", (int)sizeof ret->text - 1,
			 ignored.msg);
	for (size_t i = 0; i < n; i++)
		settle(&list[i], &calls[i], ret);
	free(calls);
}

/* All leases (or all tokens) that the n identities hold, into list of room entries. */
static size_t gather(struct vault *const *all, size_t n, bool leases, struct revocation *list,
		     size_t room)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		if (!vault_holds(all[i]))
			continue;
		if (!leases && count < room)
			list[count++] = (struct revocation){ .vault = all[i] };
		for (size_t k = 0; leases && k < all[i]->nleases && count < room; k++)
			if (!all[i]->leases[k].gone)
				list[count++] = (struct revocation){ .vault = all[i],
								     .lease = &all[i]->leases[k] };
	}
	return count;
}

void vault_revoke(struct vault *const *all, size_t n, unsigned budget_ms, struct vault_revoked *ret)
{
	size_t room = n;
	*ret = (struct vault_revoked){ 0 };
	for (size_t i = 0; i < n; i++)
		room += all[i]->nleases;
	struct revocation *list = calloc(room ? room : 1, sizeof *list);
	if (!list) {
		ret->failed = (unsigned)room;
		return;
	}
	uint64_t start = clock_ms();
	/* a token's revocation takes its leases with it, only nobody waits for their engines: so time
	 * for the tokens is kept back */
	run(list, gather(all, n, true, list, room), budget_ms / 4 * 3, ret);
	uint64_t used = clock_ms() - start;
	run(list, gather(all, n, false, list, room),
	    used < budget_ms ? (unsigned)(budget_ms - used) : 0, ret);
	free(list);
}

/* --- what another process needs for it --- */

static int put_field(struct buf *out, const char *name, const char *value, struct err *e)
{
	if (*value == '\0')
		return 0;
	if (buf_printf(out, e, "%s%s=", out->len ? " " : "", name) < 0)
		return -1;
	return str_quote(out, value, strlen(value), e);
}

int vault_record(const struct vault *v, struct buf *out, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf line = BUF(RECORD_MAX);
	if (buf_reserve(&line, RECORD_MAX, e) < 0 ||
	    put_field(&line, "address", v->address, e) < 0 ||
	    put_field(&line, "space", v->space, e) < 0 ||
	    put_field(&line, "token", secret_expose(&v->token), e) < 0)
		return -1;
	for (size_t i = 0; i < v->nleases; i++)
		if (!v->leases[i].gone && put_field(&line, "lease", v->leases[i].id, e) < 0)
			return -1;
	return buf_add(out, buf_cstr(&line), line.len, e);
}

static int take_field(struct vault *v, const char *name, size_t n, const struct buf *value)
{
	struct err ignored = { 0 };
	char **texts[] = { &v->address, &v->space };
	static const char *const names[] = { "address", "space" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0) {
			free(*texts[i]);
			*texts[i] = strdup(buf_cstr(value));
			return *texts[i] ? 0 : -1;
		}
	if (n == 5 && memcmp(name, "token", n) == 0)
		return secret_set(&v->token, buf_cstr(value), value->len, &ignored);
	if (n != 5 || memcmp(name, "lease", n) != 0 || v->nleases == VAULT_LEASES)
		return -1;
	char *copy = strdup(buf_cstr(value));
	if (!copy)
		return -1;
	v->leases[v->nleases++].id = copy;
	return 0;
}

static int take_line(struct vault *v, const char *line)
{
	for (const char *at = line; *at;) {
		__attribute__((cleanup(buf_wipe))) struct buf value = BUF(RECORD_MAX);
		size_t n = strcspn(at, "= ");
		const char *name = at;
		at += n;
		if (*at != '=')
			return -1;
		at++;
		if (!str_unquote(&at, &value) || take_field(v, name, n, &value) < 0)
			return -1;
		at += strspn(at, " ");
	}
	return v->address && v->token.n ? 0 : -1;
}

struct vault *vault_recall(struct vault_net *net, const char *line, struct err *e)
{
	struct vault *v = calloc(1, sizeof *v);
	if (!v) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	v->net = net;
	if (take_line(v, line) == 0)
		return v;
	vault_free(v);
	err_set(e, EINVAL, "not a record of what can be revoked");
	return NULL;
}
