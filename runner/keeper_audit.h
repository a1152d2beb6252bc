/* The audit of secrets: a line for every read and every revocation, and never a value. */
#ifndef RUNNER_KEEPER_AUDIT_H
#define RUNNER_KEEPER_AUDIT_H

#include "executor/secrets.h"
#include "protocol/vault.h"

struct keeper_audit {
	int fd;          /* -1: none is kept */
	const char *job; /* borrowed */
};

/* reply may be NULL. cached: the server was not asked again. started_ms: clock_ms() of the request. */
struct keeper_read {
	const struct secrets_read *read;
	const struct vault_reply *reply;
	enum secrets_class result;
	bool cached;
	uint64_t started_ms;
};

/*
 * t=… ev=secret_read job=… secret=… provider=… address=… space=… mount=… path=… field=… version=…
 * lease=… request=… result=… cached=… ms=…, appended in one write. lease is the first 16 hex digits
 * of its SHA-256, request the server's id for it. Empty ones are left out. An error is logged.
 */
void keeper_audit_read(const struct keeper_audit *a, const struct keeper_read *r)
	__attribute__((nonnull));

/* t=… ev=secret_revoke job=… revoked=… failed=… text=… */
void keeper_audit_revoke(const struct keeper_audit *a, const struct vault_revoked *r)
	__attribute__((nonnull));

/* "ok", "config", "external", "system", "missing". */
const char *keeper_result_name(enum secrets_class c) __attribute__((returns_nonnull));

#endif
