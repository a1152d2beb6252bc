#include "runner/courier.h"

#include "base/fd.h"

#include <stddef.h>
#include <string.h>

enum kind { U32, U64, STR, FD };

struct field {
	enum kind kind;
	size_t at;
};

enum { FIELDS_MAX = 22 };

struct layout {
	size_t size;
	unsigned n;
	struct field f[FIELDS_MAX];
};

#define F(kind, type, name)                                 \
	{                                                   \
		kind, offsetof(struct courier_##type, name) \
	}
#define LAYOUT(type, ...)                                                                     \
	{                                                                                     \
		sizeof(struct courier_##type),                                                \
			sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field), \
		{                                                                             \
			__VA_ARGS__                                                           \
		}                                                                             \
	}

/* The wire layout of every message: the order here is the order in its body. An fd is a u32, 1 when
 * the fd travels along. */
static const struct layout layouts[COURIER_TYPES] = {
	[COURIER_REGISTRATION] = LAYOUT(
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
		F(U32, registration, strict), F(U32, registration, rotate)),
	[COURIER_FORGET] = LAYOUT(forget, F(U32, forget, idx)),
	[COURIER_CAPACITY] = LAYOUT(capacity, F(U32, capacity, slots), F(U64, capacity, seen)),
	[COURIER_DRAIN] = LAYOUT(drain, F(U32, drain, on)),
	[COURIER_JOB_READY] = LAYOUT(job_ready, F(U64, job_ready, cookie), F(U32, job_ready, go),
				     F(U32, job_ready, debug_trace), F(STR, job_ready, why),
				     F(FD, job_ready, log), F(FD, job_ready, events),
				     F(FD, job_ready, doorbell)),
	[COURIER_ADOPT] = LAYOUT(adopt, F(U64, adopt, cookie), F(U32, adopt, idx),
				 F(U64, adopt, job_id), F(STR, adopt, token),
				 F(STR, adopt, reasons), F(U32, adopt, debug_trace),
				 F(U32, adopt, accepted), F(FD, adopt, log), F(FD, adopt, events),
				 F(FD, adopt, doorbell)),
	[COURIER_ONESHOT] = LAYOUT(
		oneshot, F(U64, oneshot, cookie), F(STR, oneshot, verb), F(STR, oneshot, url),
		F(STR, oneshot, token), F(STR, oneshot, system_id), F(STR, oneshot, shell),
		F(STR, oneshot, ca_file), F(STR, oneshot, cert_file), F(STR, oneshot, key_file),
		F(STR, oneshot, proxy), F(STR, oneshot, no_proxy), F(STR, oneshot, description),
		F(STR, oneshot, tags), F(STR, oneshot, maintenance_note),
		F(STR, oneshot, access_level), F(U32, oneshot, run_untagged),
		F(U32, oneshot, locked), F(U32, oneshot, paused), F(U32, oneshot, maximum_timeout)),
	[COURIER_JOB] = LAYOUT(job, F(U64, job, cookie), F(U32, job, idx), F(U64, job, job_id),
			       F(U64, job, project_id), F(STR, job, project_path),
			       F(STR, job, token), F(STR, job, reasons), F(U32, job, protected_ref),
			       F(U32, job, timeout_s), F(U32, job, debug_trace),
			       F(FD, job, payload)),
	[COURIER_ACCEPTED] = LAYOUT(accepted, F(U64, accepted, cookie)),
	[COURIER_DROPPED] = LAYOUT(dropped, F(U64, dropped, cookie), F(STR, dropped, why)),
	[COURIER_CANCEL] = LAYOUT(cancel, F(U64, cancel, cookie), F(U32, cancel, graceful)),
	[COURIER_REPORTED] = LAYOUT(reported, F(U64, reported, cookie), F(U32, reported, ok),
				    F(STR, reported, text)),
	[COURIER_TOKEN] = LAYOUT(token, F(U32, token, idx), F(STR, token, token),
				 F(U64, token, obtained), F(U64, token, expires)),
	[COURIER_HEALTH] = LAYOUT(health, F(U32, health, idx), F(U32, health, ok),
				  F(STR, health, text)),
	[COURIER_STAT] = LAYOUT(stat, F(STR, stat, name), F(STR, stat, labels),
				F(U64, stat, value)),
	[COURIER_RESULT] = LAYOUT(result, F(U64, result, cookie), F(U32, result, ok),
				  F(U32, result, status), F(U64, result, id),
				  F(U64, result, expires), F(STR, result, token),
				  F(STR, result, text)),
};

static const struct layout *layout_of(uint32_t type)
{
	return type < COURIER_TYPES && layouts[type].n ? &layouts[type] : NULL;
}

static void put_field(struct msg *m, const struct field *f, const char *base)
{
	const void *p = base + f->at;
	if (f->kind == U32) {
		msg_put_u32(m, *(const uint32_t *)p);
	} else if (f->kind == U64) {
		msg_put_u64(m, *(const uint64_t *)p);
	} else if (f->kind == STR) {
		const char *s = *(const char *const *)p;
		msg_put_str(m, s ? s : "");
	} else {
		int fd = *(const int *)p;
		msg_put_u32(m, fd >= 0);
		if (fd >= 0)
			msg_put_fd(m, fd);
	}
}

static void get_field(struct msg *m, const struct field *f, char *base)
{
	void *p = base + f->at;
	if (f->kind == U32)
		*(uint32_t *)p = msg_get_u32(m);
	else if (f->kind == U64)
		*(uint64_t *)p = msg_get_u64(m);
	else if (f->kind == STR)
		*(const char **)p = msg_get_str(m);
	else
		*(int *)p = msg_get_u32(m) ? msg_get_fd(m) : -1;
}

int courier_send(int sock, enum courier_type type, const void *from, struct err *e)
{
	const struct layout *l = layout_of((uint32_t)type);
	if (!l)
		return err_set(e, EINVAL, "courier message %u: unknown", (unsigned)type);
	automsg m;
	msg_init(&m, (uint32_t)type);
	for (unsigned i = 0; i < l->n; i++)
		put_field(&m, &l->f[i], from);
	return msg_send(sock, &m, e);
}

int courier_take(struct msg *m, void *ret, struct err *e)
{
	const struct layout *l = layout_of(m->type);
	if (!l)
		return err_set(e, EPROTO, "courier message %u: unknown", m->type);
	memset(ret, 0, l->size);
	for (unsigned i = 0; i < l->n; i++)
		get_field(m, &l->f[i], ret);
	if (msg_end(m, e) == 0)
		return 0;
	for (unsigned i = 0; i < l->n; i++)
		if (l->f[i].kind == FD)
			fd_close((int *)((char *)ret + l->f[i].at));
	return -1;
}
