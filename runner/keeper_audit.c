#include "runner/keeper_audit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

enum { LINE = 32 << 10, LEASE_BYTES = 8 };

static const char *const results[] = {
	[SECRETS_NONE] = "ok",       [SECRETS_CONFIG] = "config",   [SECRETS_EXTERNAL] = "external",
	[SECRETS_SYSTEM] = "system", [SECRETS_MISSING] = "missing",
};

const char *keeper_result_name(enum secrets_class c)
{
	return (unsigned)c < sizeof results / sizeof *results ? results[c] : "system";
}

static void put(struct buf *line, const char *key, const char *value)
{
	struct err ignored = { 0 };
	if (*value == '\0')
		return;
	if (buf_printf(line, &ignored, " %s=", key) < 0 ||
	    str_quote(line, value, strlen(value), &ignored) < 0)
		log_warn("an audit line is too long", "key", key, NULL);
}

static void put_number(struct buf *line, const char *key, uint64_t n)
{
	char text[STR_NUM];
	put(line, key, str_num(text, n));
}

/* A lease id names a credential: whoever has the server's audit log can match the hash. */
static void put_lease(struct buf *line, const char *lease)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[2 * LEASE_BYTES + 1];
	if (*lease == '\0' || !EVP_Digest(lease, strlen(lease), sum, NULL, EVP_sha256(), NULL))
		return;
	for (unsigned i = 0; i < LEASE_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	put(line, "lease", hex);
}

static void begin(const struct keeper_audit *a, struct buf *line, const char *ev)
{
	struct err ignored = { 0 };
	char now[CLOCK_TEXT];
	clock_text(clock_wall_us(), now);
	if (buf_printf(line, &ignored, "t=%s ev=%s", now, ev) == 0)
		put(line, "job", a->job);
}

static void end(const struct keeper_audit *a, struct buf *line)
{
	struct err e = { 0 };
	if (buf_char(line, '\n', &e) < 0 || fd_write_all(a->fd, buf_cstr(line), line->len, &e) < 0)
		log_error("the audit of secrets cannot be written", "err", e.msg, NULL);
}

void keeper_audit_read(const struct keeper_audit *a, const struct keeper_read *r)
{
	autobuf line = BUF(LINE);
	const struct secrets_read *q = r->read;
	if (a->fd < 0)
		return;
	begin(a, &line, "secret_read");
	put(&line, "secret", q->name);
	put(&line, "provider", q->provider);
	put(&line, "address", q->url);
	put(&line, "space", q->space);
	put(&line, "mount", q->mount);
	put(&line, "path", q->path);
	put(&line, "field", q->field);
	if (r->reply) {
		put_number(&line, "version", vault_reply_version(r->reply));
		put_lease(&line, vault_reply_lease(r->reply));
		put(&line, "request", vault_reply_request(r->reply));
	}
	put(&line, "result", keeper_result_name(r->result));
	put_number(&line, "cached", r->cached);
	put_number(&line, "ms", clock_ms() - r->started_ms);
	end(a, &line);
}

void keeper_audit_revoke(const struct keeper_audit *a, const struct vault_revoked *r)
{
	autobuf line = BUF(LINE);
	if (a->fd < 0)
		return;
	begin(a, &line, "secret_revoke");
	put_number(&line, "revoked", r->revoked);
	put_number(&line, "failed", r->failed);
	put(&line, "text", r->text);
	end(a, &line);
}
