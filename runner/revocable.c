#include "runner/revocable.h"

#include "base/fd.h"
#include "executor/secrets.h"

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

int revocable_start(struct host *h, unsigned slot, struct secret *store, struct role *keeper,
		    struct err *e)
{
	static const char *const revoke[] = { "revoke", NULL };
	char ids[PRIV_TEXT];
	autofd null = fd_sealed("none", "", 0, e);
	autofd records = fd_sealed("revocable", secret_expose(store), store->n, e);
	secret_done(store);
	if (null < 0 || records < 0)
		return -1;
	priv_role_text(&h->priv, PRIV_KEEPER, slot, ids);
	int fds[] = { null, records, null };
	struct role_start start = {
		.name = "keeper", .ids = ids, .args = revoke, .fds = fds, .nfds = 3
	};
	return role_start(keeper, h->loop, h->libexec, &start, e);
}
