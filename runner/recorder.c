#include "runner/recorder.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum kind { U32, U64, DOUBLE, STR, PHASE_TIMES };

struct field {
	enum kind kind;
	size_t at;
};

enum { FIELDS_MAX = 12 };

struct layout {
	size_t size;
	unsigned n;
	struct field f[FIELDS_MAX];
};

#define F(kind, type, name)                                  \
	{                                                    \
		kind, offsetof(struct recorder_##type, name) \
	}
#define LAYOUT(type, ...)                                                                     \
	{                                                                                     \
		sizeof(struct recorder_##type),                                               \
			sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field), \
		{                                                                             \
			__VA_ARGS__                                                           \
		}                                                                             \
	}

static const struct layout layouts[RECORDER_TYPES] = {
	[RECORDER_JOB_STARTED] = LAYOUT(job_started, F(STR, job_started, registration),
					F(U64, job_started, project_id),
					F(U64, job_started, job_id)),
	[RECORDER_JOB_ENDED] = LAYOUT(
		job_ended, F(STR, job_ended, name), F(STR, job_ended, registration),
		F(STR, job_ended, project), F(U64, job_ended, project_id),
		F(U64, job_ended, job_id), F(U64, job_ended, ended_us), F(STR, job_ended, state),
		F(STR, job_ended, reason), F(STR, job_ended, fault), F(U32, job_ended, exit_code),
		F(U32, job_ended, timed), F(PHASE_TIMES, job_ended, ms)),
	[RECORDER_GAUGE] = LAYOUT(gauge, F(STR, gauge, name), F(STR, gauge, labels),
				  F(DOUBLE, gauge, value)),
	[RECORDER_COUNTER_ADD] = LAYOUT(counter_add, F(STR, counter_add, name),
					F(STR, counter_add, labels), F(U64, counter_add, value)),
	[RECORDER_READY] = LAYOUT(ready, F(U32, ready, ready), F(STR, ready, text)),
};

static const struct layout *layout_of(uint32_t type)
{
	return type < RECORDER_TYPES && layouts[type].n ? &layouts[type] : NULL;
}

static void put_u32(struct msg *m, const void *p)
{
	msg_put_u32(m, *(const uint32_t *)p);
}

static void get_u32(struct msg *m, void *p)
{
	*(uint32_t *)p = msg_get_u32(m);
}

static void put_u64(struct msg *m, const void *p)
{
	msg_put_u64(m, *(const uint64_t *)p);
}

static void get_u64(struct msg *m, void *p)
{
	*(uint64_t *)p = msg_get_u64(m);
}

static void put_double(struct msg *m, const void *p)
{
	msg_put_bytes(m, p, sizeof(double));
}

static void get_double(struct msg *m, void *p)
{
	size_t n;
	const void *from = msg_get_bytes(m, &n);
	if (n == sizeof(double))
		memcpy(p, from, n);
	else
		m->bad = true;
}

static void put_str(struct msg *m, const void *p)
{
	const char *s = *(const char *const *)p;
	msg_put_str(m, s ? s : "");
}

static void get_str(struct msg *m, void *p)
{
	*(const char **)p = msg_get_str(m);
}

static void put_times(struct msg *m, const void *p)
{
	for (unsigned i = 0; i <= PHASES; i++)
		msg_put_u64(m, ((const uint64_t *)p)[i]);
}

static void get_times(struct msg *m, void *p)
{
	for (unsigned i = 0; i <= PHASES; i++)
		((uint64_t *)p)[i] = msg_get_u64(m);
}

static const struct {
	void (*put)(struct msg *m, const void *p);
	void (*get)(struct msg *m, void *p);
} kinds[] = {
	[U32] = { put_u32, get_u32 },
	[U64] = { put_u64, get_u64 },
	[DOUBLE] = { put_double, get_double },
	[STR] = { put_str, get_str },
	[PHASE_TIMES] = { put_times, get_times },
};

int recorder_send(int sock, enum recorder_type type, const void *from, struct err *e)
{
	const struct layout *l = layout_of((uint32_t)type);
	if (!l)
		return err_set(e, EINVAL, "recorder message %u: unknown", (unsigned)type);
	automsg m;
	msg_init(&m, (uint32_t)type);
	for (unsigned i = 0; i < l->n; i++)
		kinds[l->f[i].kind].put(&m, (const char *)from + l->f[i].at);
	return msg_send(sock, &m, e);
}

int recorder_take(struct msg *m, void *ret, struct err *e)
{
	const struct layout *l = layout_of(m->type);
	if (!l)
		return err_set(e, EPROTO, "recorder message %u: unknown", (unsigned)m->type);
	memset(ret, 0, l->size);
	for (unsigned i = 0; i < l->n; i++)
		kinds[l->f[i].kind].get(m, (char *)ret + l->f[i].at);
	return msg_end(m, e);
}
