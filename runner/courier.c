#include "runner/courier.h"

#include "base/layout.h"

#define F(kind, type, name) LAYOUT_FIELD(kind, struct courier_##type, name)
#define ROW(type, ...) LAYOUT(struct courier_##type, __VA_ARGS__)

/* The wire layout of every message: the order here is the order in its body. */
static const struct layout layouts[COURIER_TYPES] = {
	[COURIER_REGISTRATION] = ROW(
		registration, F(U32, registration, idx), F(STR, registration, name),
		F(STR, registration, url), F(STR, registration, token),
		F(STR, registration, system_id), F(STR, registration, shell),
		F(U64, registration, token_obtained), F(U64, registration, token_expires),
		F(STR, registration, ca_file), F(STR, registration, cert_file),
		F(STR, registration, key_file), F(STR, registration, proxy),
		F(STR, registration, no_proxy), F(U32, registration, limit),
		F(U32, registration, request_concurrency), F(U32, registration, check_interval_ms),
		F(U32, registration, unhealthy_limit), F(U32, registration, unhealthy_interval_s),
		F(U32, registration, final_retries), F(U32, registration, connection_age_s),
		F(U32, registration, strict), F(U32, registration, rotate),
		F(STR, registration, forge), F(STR, registration, labels),
		F(U32, registration, ephemeral)),
	[COURIER_FORGET] = ROW(forget, F(U32, forget, idx)),
	[COURIER_CAPACITY] = ROW(capacity, F(U32, capacity, slots), F(U64, capacity, seen)),
	[COURIER_DRAIN] = ROW(drain, F(U32, drain, on)),
	[COURIER_JOB_READY] = ROW(job_ready, F(U64, job_ready, cookie), F(U32, job_ready, go),
				  F(U32, job_ready, debug_trace), F(STR, job_ready, why),
				  F(FD, job_ready, log), F(FD, job_ready, events),
				  F(FD, job_ready, doorbell)),
	[COURIER_ADOPT] = ROW(adopt, F(U64, adopt, cookie), F(U32, adopt, idx),
			      F(U64, adopt, job_id), F(STR, adopt, token), F(STR, adopt, reasons),
			      F(U32, adopt, debug_trace), F(U32, adopt, accepted),
			      F(FD, adopt, log), F(FD, adopt, events), F(FD, adopt, doorbell)),
	[COURIER_ONESHOT] = ROW(
		oneshot, F(U64, oneshot, cookie), F(STR, oneshot, verb), F(STR, oneshot, url),
		F(STR, oneshot, token), F(STR, oneshot, system_id), F(STR, oneshot, shell),
		F(STR, oneshot, ca_file), F(STR, oneshot, cert_file), F(STR, oneshot, key_file),
		F(STR, oneshot, proxy), F(STR, oneshot, no_proxy), F(STR, oneshot, description),
		F(STR, oneshot, tags), F(STR, oneshot, maintenance_note),
		F(STR, oneshot, access_level), F(U32, oneshot, run_untagged),
		F(U32, oneshot, locked), F(U32, oneshot, paused), F(U32, oneshot, maximum_timeout),
		F(STR, oneshot, forge), F(STR, oneshot, labels), F(U32, oneshot, ephemeral)),
	[COURIER_JOB] = ROW(job, F(U64, job, cookie), F(U32, job, idx), F(U64, job, job_id),
			    F(U64, job, project_id), F(STR, job, project_path), F(STR, job, token),
			    F(STR, job, reasons), F(U32, job, protected_ref),
			    F(U32, job, from_fork), F(U32, job, timeout_s),
			    F(U32, job, debug_trace), F(FD, job, payload)),
	[COURIER_ACCEPTED] = ROW(accepted, F(U64, accepted, cookie)),
	[COURIER_DROPPED] = ROW(dropped, F(U64, dropped, cookie), F(STR, dropped, why)),
	[COURIER_CANCEL] = ROW(cancel, F(U64, cancel, cookie), F(U32, cancel, graceful)),
	[COURIER_REPORTED] = ROW(reported, F(U64, reported, cookie), F(U32, reported, ok),
				 F(STR, reported, text)),
	[COURIER_TOKEN] = ROW(token, F(U32, token, idx), F(STR, token, token),
			      F(U64, token, obtained), F(U64, token, expires)),
	[COURIER_HEALTH] = ROW(health, F(U32, health, idx), F(U32, health, ok),
			       F(STR, health, text)),
	[COURIER_STAT] = ROW(stat, F(STR, stat, name), F(STR, stat, labels), F(U64, stat, value)),
	[COURIER_RESULT] = ROW(result, F(U64, result, cookie), F(U32, result, ok),
			       F(U32, result, status), F(U64, result, id), F(U64, result, expires),
			       F(STR, result, token), F(STR, result, text),
			       F(U32, result, ephemeral)),
};

static const struct layout_table table = { "courier", layouts, COURIER_TYPES };

int courier_send(int sock, enum courier_type type, const void *from, struct err *e)
{
	return layout_send(&table, sock, (uint32_t)type, from, e);
}

int courier_take(struct msg *m, void *ret, struct err *e)
{
	return layout_take(&table, m, ret, e);
}
