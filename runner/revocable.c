#include "runner/revocable.h"

#include "base/fd.h"
#include "executor/secrets.h"

#include <inttypes.h>
#include <string.h>

enum { STORE_MAX = 1 << 20 };

/* A record in the store: these, then the bytes. */
struct head {
	uint32_t id, n;
};

/* Everything but the record called id. */
static int without(const struct secret *store, uint32_t id, struct buf *out, struct err *e)
{
	const char *p = secret_expose(store), *end = p + store->n;
	while ((size_t)(end - p) >= sizeof(struct head)) {
		struct head h;
		memcpy(&h, p, sizeof h);
		size_t n = sizeof h + h.n;
		if (n > (size_t)(end - p))
			break;
		if (h.id != id && buf_add(out, p, n, e) < 0)
			return -1;
		p += n;
	}
	return 0;
}

static int replace(struct secret *store, const struct head *h, const void *bytes, struct err *e)
{
	struct buf b = BUF(STORE_MAX);
	int r = without(store, h->id, &b, e);
	if (r == 0 && bytes)
		r = buf_add(&b, h, sizeof *h, e);
	if (r == 0 && bytes)
		r = buf_add(&b, bytes, h->n, e);
	if (r == 0)
		r = secret_set(store, buf_cstr(&b), b.len, e);
	buf_wipe(&b);
	return r;
}

int revocable_take(struct secret *store, struct msg *m, struct err *e)
{
	struct head h = { .id = msg_get_u32(m) };
	const void *bytes = NULL;
	size_t n = 0;
	if (m->type != SECRETS_REVOCABLE && m->type != SECRETS_GONE)
		return err_set(e, EPROTO, "message %u of a keeper", m->type);
	if (m->type == SECRETS_REVOCABLE)
		bytes = msg_get_bytes(m, &n);
	h.n = (uint32_t)n;
	return msg_end(m, e) < 0 ? -1 : replace(store, &h, bytes, e);
}

bool revocable_pending(const struct secret *store)
{
	return store->n > 0;
}

/* The records as a keeper reads them: a line each. */
static int lines_of(const struct secret *store, struct buf *out, struct err *e)
{
	const char *p = secret_expose(store), *end = p + store->n;
	if (buf_reserve(out, store->n, e) < 0)
		return -1;
	while ((size_t)(end - p) >= sizeof(struct head)) {
		struct head h;
		memcpy(&h, p, sizeof h);
		if (h.n > (size_t)(end - p) - sizeof h)
			break;
		if (buf_add(out, p + sizeof h, h.n, e) < 0 || buf_char(out, '\n', e) < 0)
			return -1;
		p += sizeof h + h.n;
	}
	return 0;
}

int revocable_settings(const struct slot *s, struct err *e)
{
	const char *given = s->options && s->options->vault_settings ? s->options->vault_settings
								     : "";
	autobuf b = BUF(STORE_MAX);
	if (buf_str(&b, given, e) < 0 ||
	    buf_printf(&b, e, "job=%" PRIu64 "\nlife_max_s=%" PRIu64 "\n", s->keeper_job,
		       s->keeper_life_s) < 0)
		return -1;
	return fd_sealed("http", b.p, b.len, e);
}

int revocable_start(struct slot *s, struct err *e)
{
	static const char *const revoke[] = { "revoke", NULL };
	__attribute__((cleanup(buf_wipe))) struct buf lines = BUF(STORE_MAX);
	struct host *h = s->host;
	char ids[PRIV_TEXT];
	int made = lines_of(&s->revocable, &lines, e);
	secret_done(&s->revocable);
	if (made < 0)
		return -1;
	autofd records = fd_sealed("revocable", buf_cstr(&lines), lines.len, e);
	autofd settings = revocable_settings(s, e);
	autofd audit = state_audit(&h->state, e);
	if (records < 0 || settings < 0 || audit < 0)
		return -1;
	priv_role_text(&h->priv, PRIV_KEEPER, s->number, ids);
	int fds[] = { -1, records, settings, audit };
	struct role_start start = {
		.name = "keeper", .ids = ids, .args = revoke, .fds = fds, .nfds = 4
	};
	return role_start(&s->keeper, h->loop, h->libexec, &start, e);
}
